"""Side-by-side measurements: what is compared runs in one go on one machine, and the ratios come first."""
