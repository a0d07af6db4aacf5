"""Compiled loops: arrays and scalars in, arrays and scalars out; each has a slow, obvious twin in the tests."""
