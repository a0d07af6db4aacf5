"""Stored mole fractions as arrays: which hours are background air, curves, enhancements, comparisons with others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.clock import NS, from_ns, to_ns
from core.records import FloatArray
from core.station.mole_fraction import GAS_UNITS, Gas, MoleFraction
from core.store import StationRow
from core.store.mole_fractions import COMPARISON_KINDS, HOUR_S, MINUTE_S, StationEvent, StoredMoleFractions
from core.store.readings import StoredReadings
from qc.codes import GOOD
from qc.mole_fraction import Means, TargetRun
from qc.mole_fraction.background import (
    ALONE,
    EXCLUDED,
    HOUR_NS,
    KEPT,
    STEP,
    VARIABLE,
    Background,
    HourlyAir,
    select_background,
)
from qc.mole_fraction.comparisons import Comparison, OtherValue, compare_flask, compare_round_robin
from qc.mole_fraction.enhancement import Enhancement, enhancement
from qc.mole_fraction.thoning import YEAR_D, ThoningCurve, fit_thoning
from qc.stored_wind import hourly_wind, times_of

STATES = {KEPT: "kept", EXCLUDED: "excluded", VARIABLE: "variable", STEP: "step", ALONE: "alone"}
"""What becomes of an hour in a selection, in a word."""
AROUND = timedelta(days=10)
"""Hours so long before and after a period have a say in what is selected in it."""
MIN_CURVE_DAYS = 730
"""A shorter series does not tell the trend from the season. [d]"""
MIN_CURVE_SHARE = 0.1
"""At least this share of the days has background air."""
DAY_NS = 86_400 * NS


class AirStore(Protocol):
    """What is read: a store, or what somebody may see of it."""

    mole_fractions: StoredMoleFractions
    readings: StoredReadings


@dataclass(frozen=True)
class Selected:
    """Hours of a gas at an intake, and which of them are background air.

    Attributes
    ----------
    time_ns : ndarray, shape (n,), int64
        Starts. [ns since 1970 UTC]
    value, u : ndarray, shape (n,)
        Of the gas; NaN where the hour is not good.
    background : Background
    method : str
        By which it was selected.
    gas : str
        By whose hours.
    wind_known : bool
        Whether the station's wind was looked at.
    """

    time_ns: NDArray[np.int64]
    value: FloatArray
    u: FloatArray
    background: Background
    method: str
    gas: str
    wind_known: bool


@dataclass(frozen=True)
class BackgroundCurve:
    """The Thoning curve of the days' background air, or how much there is for one.

    Attributes
    ----------
    day_ns : ndarray, shape (d,), int64
        Local noon of each day with background air. [ns since 1970 UTC]
    value : ndarray, shape (d,)
        Mean of its hours.
    span : int
        From the first to the last of them. [d]
    curve : ThoningCurve or None
        None if that is too short.
    growth : tuple of (int, float)
        Year and by how much the trend grows in it: of whole years alone.
    """

    day_ns: NDArray[np.int64]
    value: FloatArray
    span: int
    curve: ThoningCurve | None
    growth: tuple[tuple[int, float], ...]


def read_means(
    stored: StoredMoleFractions, row: StationRow, gas: Gas, start: datetime, end: datetime, step_s: int = HOUR_S
) -> Means:
    """Read what is stored of a gas in [start, end), of all intakes; why a value is not good is not among it."""
    part = part_of(row)
    table = stored.read(row.station.id, start, end, step_s=step_s, gases=[gas]).sort("time", "intake")
    intakes = tuple(dict.fromkeys([*part.intakes, *table["intake"].unique().sort().to_list()]))
    numbers = {name: table[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in ("value", "sd", "u")}
    scales = table["scale"].unique().sort().to_list()
    declared = next(one.published_scale for one in part.gas if one.name == gas)
    return Means(
        gas,
        GAS_UNITS[gas],
        " and ".join(scales) or declared,
        step_s,
        times_of(table),
        np.array([intakes.index(one) for one in table["intake"]], np.int16),
        intakes,
        numbers["value"],
        numbers["sd"],
        numbers["u"],
        table["n"].to_numpy().astype(np.int32),
        table["flag"].to_numpy().astype(np.int16),
        np.zeros(table.height, np.uint32),
    )


def select_hours(
    store: AirStore, row: StationRow, gas: Gas, intake: str, start: datetime, end: datetime, method: str = ""
) -> Selected:
    """Select the hours of background air of [start, end) at an intake.

    They are selected by the gas that ``[mole_fraction.background]`` names, whatever gas is asked for, and by the
    station's own wind where the selection asks for wind and the station has ``WS`` and ``WD`` among its readings.

    Parameters
    ----------
    method : str
        Another than that of the station file.
    """
    part = part_of(row)
    how = part.background if not method else part.background.model_copy(update={"method": method})
    by: Gas = how.gas if any(one.name == how.gas for one in part.gas) else part.gas[0].name
    around = max(AROUND, timedelta(days=how.rebs_days)) if how.method not in ("noaa", "conditions") else AROUND
    begin, stop = start - around, end + around
    hours = _of_intake(read_means(store.mole_fractions, row, by, begin, stop), intake)
    needs_wind = how.wind_from is not None or how.min_wind > 0 or how.method not in ("noaa", "conditions", "rebs")
    wind, direction = (
        hourly_wind(store.readings, row.station, hours.time_ns, begin, stop) if needs_wind else _no_wind(hours)
    )
    air = HourlyAir(hours.time_ns, _good(hours, hours.value), hours.sd, wind, direction, row.station.station.utc_offset)
    found = select_background(air, how)
    own = hours if by == gas else _of_intake(read_means(store.mole_fractions, row, gas, begin, stop), intake)
    inside = (own.time_ns >= to_ns(start)) & (own.time_ns < to_ns(end))
    own = own.chosen(inside)
    state = np.full(len(own), EXCLUDED, np.int8)
    _, to, of = np.intersect1d(own.time_ns, hours.time_ns, assume_unique=True, return_indices=True)
    state[to] = found.state[of]
    value = _good(own, own.value)
    state[(state == KEPT) & ~np.isfinite(value)] = EXCLUDED
    baseline = np.full(len(own), np.nan)
    if found.baseline.size and by == gas:
        baseline[to] = found.baseline[of]
    known = bool(np.isfinite(wind).any())
    return Selected(own.time_ns, value, _good(own, own.u), Background(state, baseline), how.method, by, known)


def fit_background(selected: Selected, utc_offset: float) -> BackgroundCurve:
    """Fit a Thoning curve to the daily means of background air.

    Parameters
    ----------
    utc_offset : float
        Days are those of local standard time. [h]
    """
    kept = selected.background.kept
    shift = int(utc_offset * HOUR_NS)
    days, group = np.unique((selected.time_ns[kept] + shift) // DAY_NS, return_inverse=True)
    value = np.bincount(group, selected.value[kept], len(days)) / np.maximum(np.bincount(group, minlength=len(days)), 1)
    noon = days * DAY_NS + DAY_NS // 2 - shift
    span = int(days[-1] - days[0]) + 1 if len(days) else 0
    if span < MIN_CURVE_DAYS or len(days) < MIN_CURVE_SHARE * span:
        return BackgroundCurve(noon, value, span, None, ())
    curve = fit_thoning((days - days[0]).astype(np.float64), value)
    return BackgroundCurve(noon, value, span, curve, _growth(curve, int(noon[0])))


def read_enhancement(
    store: AirStore,
    site: tuple[StationRow, str],
    background: tuple[StationRow, str],
    gas: Gas,
    start: datetime,
    end: datetime,
) -> Enhancement:
    """Subtract hours of one station's intake from another's, hour by hour.

    Raises
    ------
    ValueError
        They are not on one scale.
    """
    (row, intake), (other, other_intake) = site, background
    own = read_means(store.mole_fractions, row, gas, start, end)
    theirs = read_means(store.mole_fractions, other, gas, start, end)
    return enhancement(own, theirs, row.station.station.utc_offset, intake=intake, background_intake=other_intake)


def other_value_of(event: StationEvent) -> OtherValue:
    """Return the other laboratory's value that an event holds."""
    data = event.data
    return OtherValue(
        data["gas"],
        data["scale"],
        to_ns(event.time),
        to_ns(event.ends or event.time),
        float(data["value"]),
        float(data["u"]),
        data["where"],
        data.get("laboratory", ""),
    )


def read_comparisons(
    stored: StoredMoleFractions, row: StationRow, start: datetime, end: datetime
) -> list[tuple[StationEvent, Comparison | None]]:
    """Compare what other laboratories said of air and tanks in [start, end); None where the station has no value."""
    events = [one for one in stored.read_events(row.station.id, start, end) if one.kind in COMPARISON_KINDS]
    return [(event, compare_event(stored, row, event)) for event in events]


def compare_event(stored: StoredMoleFractions, row: StationRow, event: StationEvent) -> Comparison | None:
    """Compare what another laboratory said with what the station has for that time; None without anything."""
    other = other_value_of(event)
    gas = next((one for one in part_of(row).gas if one.name == other.gas), None)
    if gas is None:
        return None
    first, last = from_ns(other.start_ns), from_ns(other.end_ns)
    if event.kind == "flask":
        minute = timedelta(seconds=MINUTE_S)
        minutes = read_means(stored, row, gas.name, first - minute, last + minute, MINUTE_S)
        return compare_flask(other, minutes, gas.accepted_bias)
    runs = target_runs(stored.read_targets(row.station.id, first, last))
    return compare_round_robin(other, runs, gas.published_scale, gas.accepted_bias)


def target_runs(table: pl.DataFrame) -> list[TargetRun]:
    """Return rows of ``StoredMoleFractions.read_targets`` as runs."""
    numbers = table.with_columns(pl.col("value", "u", "sd", "assigned", "u_assigned").fill_null(np.nan))
    return [
        TargetRun(
            one["gas"],
            one["tank"],
            to_ns(one["time"]),
            *(one[name] for name in ("value", "u", "sd", "n", "assigned", "u_assigned", "flag")),
        )
        for one in numbers.iter_rows(named=True)
    ]


def part_of(row: StationRow) -> MoleFraction:
    """Return a station's analyser; that it has one was looked at before."""
    assert row.station.mole_fraction is not None
    return row.station.mole_fraction


def _growth(curve: ThoningCurve, first_ns: int) -> tuple[tuple[int, float], ...]:
    first = from_ns(first_ns)
    found = []
    for year in range(first.year, first.year + int(curve.time[-1] / YEAR_D) + 2):
        begin = (datetime(year, 1, 1, tzinfo=UTC) - first) / timedelta(days=1)
        grown = curve.growth(begin)
        if np.isfinite(grown):
            found.append((year, grown))
    return tuple(found)


def _no_wind(hours: Means) -> tuple[FloatArray, FloatArray]:
    nothing = np.full(len(hours), np.nan)
    return nothing, nothing


def _of_intake(means: Means, intake: str) -> Means:
    return means.chosen(means.intake == means.intakes.index(intake))


def _good(means: Means, values: FloatArray) -> FloatArray:
    return np.where(means.flag == GOOD, values, np.nan)
