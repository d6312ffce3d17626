"""From listings to the manifest of a run: sources, sampling, validation of photos, split, decoding."""
