"""Frames, their data segments and what these say: pure, it knows neither stations nor sockets."""
