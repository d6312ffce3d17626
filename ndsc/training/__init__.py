"""From manifest to fitted head: views, the frozen part over them, the cache on disk, and fit."""
