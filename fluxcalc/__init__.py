"""From samples to half-hour fluxes, and from half-hours to seasons."""
