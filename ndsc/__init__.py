"""Reproducible experiments with frozen backbones on listing photos."""

import sys

try:
    import fcntl  # noqa: F401  # locks of the cache and of stores
except ImportError:
    sys.exit(f"ndsc: Linux, macOS or WSL (on Windows: wsl --install) was expected. Received: {sys.platform}.")
