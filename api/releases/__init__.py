"""Releases: a run frozen into files with a number, a citation and what changed; no HTTP in it."""
