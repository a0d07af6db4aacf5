"""Fillers of gaps: marginal distribution sampling, machine learning. Knows arrays, not the season."""
