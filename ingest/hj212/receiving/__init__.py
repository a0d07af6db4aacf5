"""Frames of others that become our readings: over TCP and from files."""
