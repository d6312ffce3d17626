"""How anything is stored on disk between runs: atomic writes, file locks, tables, exported networks."""
