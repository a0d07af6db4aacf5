"""The worker, fluxcalc's only input and output: finds half-hours that are due, computes them, stores the results."""

from fluxcalc.worker.fits import assess_station, fit_station
from fluxcalc.worker.halfhours import compute_half_hour, join_storage
from fluxcalc.worker.queue import run
from fluxcalc.worker.seasons import fill_season, read_inputs, store_season

__all__ = [
    "assess_station",
    "compute_half_hour",
    "fill_season",
    "fit_station",
    "join_storage",
    "read_inputs",
    "run",
    "store_season",
]
