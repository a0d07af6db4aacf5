"""Covariances, fluxes, and what is added to them: density, heating, storage."""
