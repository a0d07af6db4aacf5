"""What sensors and averaging lose of the exchange, and how it is corrected."""
