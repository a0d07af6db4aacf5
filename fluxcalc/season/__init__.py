"""The season: from half-hours to filled, filtered, partitioned exchange. `steps.py` is the list of its steps."""
