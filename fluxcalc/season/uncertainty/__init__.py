"""Uncertainty of records and of sums. Knows arrays, not the season."""
