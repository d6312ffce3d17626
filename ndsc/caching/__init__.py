"""Storage of files on disk between runs: atomic writes, locks, digests, tables and exported networks."""
