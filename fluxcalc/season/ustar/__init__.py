"""Thresholds of u*, and the versions of the exchange that hang on them. Knows arrays, not the season."""
