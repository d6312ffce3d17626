"""How things are drawn: outlines filled with paint, onto an image."""
