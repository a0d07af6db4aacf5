"""Slow sensors: readings are judged one after the other, and stretches of time get findings. Arrays only, no store."""
