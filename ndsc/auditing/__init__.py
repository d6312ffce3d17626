"""Audit of a data set: duplicates, label issues, outliers, unreadable and poor photos, and the page that shows them."""
