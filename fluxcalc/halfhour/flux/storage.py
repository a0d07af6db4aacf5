"""Storage: what the air below the sensors took up or gave back since the interval before."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from core.constants import M_H2O
from core.records import FluxRecord
from core.station import Station
from core.variables import UNITS, flux_variable, fraction_column
from fluxcalc.halfhour.air import AirPerVolume
from fluxcalc.halfhour.flux.profile import read_profile_storage
from fluxcalc.halfhour.record import in_fluxnet_unit

TERM_COLUMNS = {"SC": "CO2", "SH": "TA", "SLE": "H2O"}
"""Term of every station -> the column whose change makes it."""

STORAGE_TERMS = tuple(TERM_COLUMNS)
INCOMPLETE_PROFILE = "the profile lacks readings at the beginning or the end of the interval"


def storage_terms(station: Station) -> dict[str, str]:
    """Return ``TERM_COLUMNS`` with the station's other gases."""
    return TERM_COLUMNS | {f"S{gas}": fraction_column(gas) for gas in station.gases[2:]}


def add_storage(record: FluxRecord, previous: FluxRecord | None, station: Station) -> FluxRecord:
    """Fill SC, SH, SLE (and SCH4...) of a record: from its profile, else from the change at one level.

    Parameters
    ----------
    record : FluxRecord
        With what ``AirPerVolume.read`` reads; where ``read_profile_storage`` finds terms, these are taken.
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
    columns = storage_terms(station)
    profiled = read_profile_storage(record)
    terms = _terms(record, usable, station, columns) | profiled
    values = {name: in_fluxnet_unit(name, value) for name, value in terms.items()}
    reasons = {name: why for name, why in record.reasons.items() if name not in columns}
    for name, column in columns.items():
        if math.isnan(values[name]):
            why = _why_missing(column, record, usable)
            reasons[name] = record.reasons.get("TA", INCOMPLETE_PROFILE) if name in profiled else why
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


def _terms(
    record: FluxRecord, previous: FluxRecord | None, station: Station, columns: Mapping[str, str]
) -> dict[str, float]:
    """Work out the terms in SI; NaN without the interval before."""
    air = AirPerVolume.read(record)
    if previous is None or air is None or station.sonic is None:
        return dict.fromkeys(columns, math.nan)
    seconds = (record.start - previous.start).total_seconds()
    sonic = station.sonic.height
    per_volume = 1.0 / air.molar_volume
    per_unit = {"SH": air.heat_capacity, "SLE": per_volume * M_H2O * air.vaporisation}

    def height(term: str) -> float:
        gas = {"SC": "CO2", "SLE": "H2O"}.get(term, term.removeprefix("S"))
        analyzer = station.analyzer_of(gas)
        return sonic if term == "SH" or analyzer is None else sonic + analyzer.vertical_separation

    return {
        term: per_unit.get(term, per_volume)
        * level_storage(_in_si(previous, column), _in_si(record, column), seconds, height(term))
        for term, column in columns.items()
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
