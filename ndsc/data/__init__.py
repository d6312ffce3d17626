"""What exists, what is drawn and how bytes become pixels. Knows archives, and nothing of models."""
