"""A format of messages, one of raw files and a method of despiking for Fluxtower."""
