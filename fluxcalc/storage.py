"""Storage: what the air below the sensors took up or gave back since the interval before."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from core.constants import M_H2O
from core.records import FluxRecord
from core.station import Station
from core.variables import VARIABLES, si_scale
from fluxcalc.record import in_fluxnet_unit

TERMS = ("SC", "SH", "SLE")
BEHIND = {"SC": "CO2", "SH": "TA", "SLE": "H2O"}
"""Term -> the column whose change makes it."""
NO_PROFILE = "the profile lacks readings at the beginning or the end of the interval"


def add_storage(record: FluxRecord, previous: FluxRecord | None, station: Station) -> FluxRecord:
    """Fill SC, SH and SLE of a record: from its profile, else from the change since the interval before at one level.

    Parameters
    ----------
    record : FluxRecord
        With the diagnostics ``molar_volume``, ``heat_capacity`` and ``vaporisation``; where there are ``profile_sc``,
        ``profile_sh`` or ``profile_sle`` [mol m-2 s-1, W m-2], these are the terms.
    previous : FluxRecord or None
        The interval before; None if it is not known. One that does not end where ``record`` starts is not taken.
    station : Station
        Gives the height of the sonic, for heat, and of the analysers, for gases.

    Returns
    -------
    FluxRecord
        Positive: the air has stored. Where a term cannot be said it is NaN with a reason.
    """
    usable = previous if previous is not None and previous.end == record.start else None
    profiled = {
        name: noted for name in TERMS if (noted := record.diagnostics.get(f"profile_{name.lower()}")) is not None
    }
    terms = _terms(record, usable, station) | profiled
    values = {name: in_fluxnet_unit(name, value) for name, value in terms.items()}
    reasons = {name: why for name, why in record.reasons.items() if name not in TERMS}
    for name in TERMS:
        if math.isnan(values[name]):
            why = _why_missing(name, record, usable)
            reasons[name] = record.reasons.get("TA", NO_PROFILE) if name in profiled else why
    return replace(record, values={**record.values, **values}, reasons=reasons)


def level_storage(before: float, after: float, seconds: float, height: float) -> float:
    """Return the storage below one level that stands for all the air below it.

    Parameters
    ----------
    before, after : float
        Amount in a volume of air in two consecutive intervals. [any m-3]
    seconds : float
        From one interval to the next. [s]
    height : float
        Of the level above ground. [m]

    Returns
    -------
    float
        [any m-2 s-1]
    """
    return (after - before) / seconds * height


def profile_storage(heights: ArrayLike, before: ArrayLike, after: ArrayLike, seconds: float, top: float) -> float:
    """Return the storage below ``top`` from a profile measured at both ends of an interval.

    The change is constant below the lowest level and above the highest, and linear between two levels. A level that
    is missing at either end is left out; without any level there is no storage.

    Parameters
    ----------
    heights : array_like, shape (k,)
        Of the levels above ground, in any order. [m]
    before, after : array_like, shape (k,)
        Amount in a volume of air at the beginning and at the end; NaN is missing. [any m-3]
    seconds : float
        Length of the interval. [s]
    top : float
        Height of the flux measurement. [m]

    Returns
    -------
    float
        [any m-2 s-1]

    References
    ----------
    Aubinet et al. (2001), eq. 5, doi:10.1016/S0168-1923(00)00221-5
    """
    levels, change = np.asarray(heights, np.float64), np.asarray(after, np.float64) - np.asarray(before, np.float64)
    known = ~np.isnan(change)
    if not known.any():
        return math.nan
    order = np.argsort(levels[known])
    levels, change = levels[known][order], change[known][order]
    inside = levels[(levels > 0) & (levels < top)]
    nodes = np.concatenate(([0.0], inside, [top]))
    return float(np.trapezoid(np.interp(nodes, levels, change), nodes)) / seconds


def _terms(record: FluxRecord, previous: FluxRecord | None, station: Station) -> dict[str, float]:
    """Work out the terms in SI; NaN without the interval before."""
    noted = record.diagnostics
    if previous is None or "heat_capacity" not in noted or station.sonic is None:
        return dict.fromkeys(TERMS, math.nan)
    seconds = (record.start - previous.start).total_seconds()
    sonic = station.sonic.height

    def change(term: str, per_unit: float, height: float) -> float:
        name = BEHIND[term]
        return per_unit * level_storage(_in_si(previous, name), _in_si(record, name), seconds, height)

    def gas_height(gas: str) -> float:
        analyzer = station.analyzer_of(gas)
        return sonic if analyzer is None else sonic + analyzer.vertical_separation

    per_volume = 1.0 / noted["molar_volume"]
    return {
        "SC": change("SC", per_volume, gas_height("CO2")),
        "SH": change("SH", noted["heat_capacity"], sonic),
        "SLE": change("SLE", per_volume * M_H2O * noted["vaporisation"], gas_height("H2O")),
    }


def _in_si(record: FluxRecord, name: str) -> float:
    factor, offset = si_scale(name, VARIABLES[name].unit)
    return record.values.get(name, math.nan) * factor + offset


def _why_missing(term: str, record: FluxRecord, previous: FluxRecord | None) -> str:
    name = BEHIND[term]
    if name in record.reasons:
        return record.reasons[name]
    if previous is None:
        return "the interval before is not known"
    return f"the interval before has no {name}"
