"""The fixtures of `tests/components.py`."""

from tests.components import networks, photos, setup

__all__ = ["networks", "photos", "setup"]
