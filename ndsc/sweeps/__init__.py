"""Many runs at once: combinations, skipping what is done, and one parent run that says what came of it."""
