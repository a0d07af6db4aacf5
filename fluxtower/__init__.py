"""The command ``fluxtower``: ``cli`` reads its options and wires the parts together, the other modules do the work."""
