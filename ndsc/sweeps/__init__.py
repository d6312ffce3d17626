"""Sweeps: many runs below one parent run, by grid or search. Finished runs are not repeated."""
