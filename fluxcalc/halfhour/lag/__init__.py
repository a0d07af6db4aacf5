"""How much later a gas is measured than the wind that carried it."""
