"""Views of photos and the features that the frozen part of a backbone computes from them."""
