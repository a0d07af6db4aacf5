"""Readers of logger files, one module a format."""
