"""The wind's frame: axes of the sonic, its errors, rotation into the streamline."""
