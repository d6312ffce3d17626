"""Benchmarks: everything that is compared runs on one machine in one command, and reports begin with the ratios."""
