"""Near duplicates: what of a photo survives resizing, re-encoding, cropping, borders and overprints, and who shares it."""
