"""Ingest: from a logger's message or file to a committed row."""
