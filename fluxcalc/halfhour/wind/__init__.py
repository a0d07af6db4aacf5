"""The wind: axes of the sonic, its errors, rotation into the streamline."""
