"""Reproducible experiments with frozen backbones on listing photos."""
