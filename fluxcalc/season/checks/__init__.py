"""What the variables of a season are held against: each other, the sun, and themselves before."""
