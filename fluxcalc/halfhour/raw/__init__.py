"""Samples before anything is computed of them: channels, diagnostics, limits, spikes, tests, trends."""
