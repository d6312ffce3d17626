"""Comparison of runs: tables, significance tests, figures, and the difference between two runs."""
