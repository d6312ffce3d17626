"""Near duplicates: photos of one picture, resized, re-encoded, cropped, bordered, overprinted or in another shade."""
