"""NEE into respiration and uptake, by night and by day. Knows arrays, not the season."""
