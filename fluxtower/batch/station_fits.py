"""`fluxtower fit`: a fit over a stored period, in force from then on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from core.errors import ConfigError
from core.store import Store
from fluxcalc.halfhour.fitters import FITTERS
from fluxcalc.worker import assess_station, fit_station


def check_kind(kind: str) -> None:
    """Check that there is a fit of this name.

    Raises
    ------
    ConfigError
        There is none.
    """
    if kind not in FITTERS:
        raise ConfigError("command line", "--kind", f"one of {', '.join(FITTERS)}", kind)


def fit_stored_period(store: Store, station: str, kind: str, begin: datetime, end: datetime) -> Mapping[str, int]:
    """Fit a stored period of a station; cut-off frequencies are fitted for each gas.

    Parameters
    ----------
    store : Store
        Has the samples, and keeps the fit.
    station : str
        Station id.
    kind : str
        Name of a fit, as in ``FITTERS``.
    begin, end : datetime
        The period, UTC.

    Returns
    -------
    mapping of str to int
        What was fitted -> number of the fit.

    Raises
    ------
    ProcessingError
        The half-hours of the period do not suffice.
    """
    if kind == "spectra":
        return assess_station(store, station, begin, end)
    return {kind: fit_station(store, station, kind, begin, end)}
