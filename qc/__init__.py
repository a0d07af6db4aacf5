"""Quality of slow readings: flags beside values that never change."""
