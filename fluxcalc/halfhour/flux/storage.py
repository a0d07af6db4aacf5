"""Storage: what the air below the sensors took up or gave back since the interval before."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from core.constants import M_H2O
from core.records import FluxRecord
from core.station import Station
from core.variables import UNITS, flux_variable, fraction_column
from fluxcalc.halfhour.record import in_fluxnet_unit

BEHIND = {"SC": "CO2", "SH": "TA", "SLE": "H2O"}
"""Term of every station -> the column whose change makes it."""

TERMS = tuple(BEHIND)
NO_PROFILE = "the profile lacks readings at the beginning or the end of the interval"


def storage_terms(station: Station) -> dict[str, str]:
    """Return ``BEHIND`` with the station's other gases."""
    return BEHIND | {f"S{gas}": fraction_column(gas) for gas in station.gases[2:]}


def add_storage(record: FluxRecord, previous: FluxRecord | None, station: Station) -> FluxRecord:
    """Fill SC, SH, SLE (and SCH4...) of a record: from its profile, else from the change at one level.

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
    behind = storage_terms(station)
    profiled = {
        name: noted for name in behind if (noted := record.diagnostics.get(f"profile_{name.lower()}")) is not None
    }
    terms = _terms(record, usable, station, behind) | profiled
    values = {name: in_fluxnet_unit(name, value) for name, value in terms.items()}
    reasons = {name: why for name, why in record.reasons.items() if name not in behind}
    for name, column in behind.items():
        if math.isnan(values[name]):
            why = _why_missing(column, record, usable)
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


def _terms(
    record: FluxRecord, previous: FluxRecord | None, station: Station, behind: Mapping[str, str]
) -> dict[str, float]:
    """Work out the terms in SI; NaN without the interval before."""
    noted = record.diagnostics
    if previous is None or "heat_capacity" not in noted or station.sonic is None:
        return dict.fromkeys(behind, math.nan)
    seconds = (record.start - previous.start).total_seconds()
    sonic = station.sonic.height
    per_volume = 1.0 / noted["molar_volume"]
    per_unit = {"SH": noted["heat_capacity"], "SLE": per_volume * M_H2O * noted["vaporisation"]}

    def height(term: str) -> float:
        gas = {"SC": "CO2", "SLE": "H2O"}.get(term, term.removeprefix("S"))
        analyzer = station.analyzer_of(gas)
        return sonic if term == "SH" or analyzer is None else sonic + analyzer.vertical_separation

    return {
        term: per_unit.get(term, per_volume)
        * level_storage(_in_si(previous, column), _in_si(record, column), seconds, height(term))
        for term, column in behind.items()
    }


def _in_si(record: FluxRecord, name: str) -> float:
    unit = UNITS[flux_variable(name).unit]
    return record.values.get(name, math.nan) * unit.factor + unit.offset


def _why_missing(column: str, record: FluxRecord, previous: FluxRecord | None) -> str:
    if column in record.reasons:
        return record.reasons[column]
    if previous is None:
        return "the interval before is not known"
    return f"the interval before has no {column}"
