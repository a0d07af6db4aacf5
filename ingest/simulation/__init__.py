"""What sends without a tower: a simulated forest, recorded files replayed, thousands of towers for load."""
