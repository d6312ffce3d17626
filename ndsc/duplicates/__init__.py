"""Exact and near duplicates: photos that must be on one side of a split."""
