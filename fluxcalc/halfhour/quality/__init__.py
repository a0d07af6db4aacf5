"""How far a flux can be trusted: flags, random error, footprint."""
