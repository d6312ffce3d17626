"""Figures of a finished run, drawn with Matplotlib."""
