"""Fits of a stored period: what `fluxtower fit` does."""

from __future__ import annotations

from datetime import datetime

from core.errors import ConfigError
from core.store import Store
from fluxcalc.halfhour.fitters import FITTERS
from fluxcalc.worker import assess_station, fit_station


def fit_period(store: Store, station: str, kind: str, begin: datetime, end: datetime) -> dict[str, int]:
    """Fit one kind to a stored period and put it in force.

    Parameters
    ----------
    store : Store
        Holds the samples and gets the fits.
    station : str
        Id of a registered station.
    kind : str
        One of ``FITTERS``.
    begin, end : datetime
        Period, UTC.

    Returns
    -------
    dict of str to int
        Number of the stored fit by kind; spectra bring more than one.

    Raises
    ------
    ConfigError
        There is no such kind.
    """
    if kind not in FITTERS:
        raise ConfigError("command line", "--kind", f"one of {', '.join(FITTERS)}", kind)
    if kind == "spectra":
        return assess_station(store, station, begin, end)
    return {kind: fit_station(store, station, kind, begin, end)}
