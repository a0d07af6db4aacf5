"""The half-hour: from samples to fluxes with flags. ``steps`` is the list of its steps: read that first."""

from fluxcalc.halfhour.steps import process

__all__ = ["process"]
