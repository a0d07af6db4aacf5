"""A station's dossier: per month what of its mole fractions is there, how good it is, and who looked at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.clock import NS, from_ns, to_ns
from core.review import mole_fraction_subject
from core.station.mole_fraction import MeasuredGas, MoleFraction, Port
from core.station.site import Identity
from core.store import StationRow
from core.store.mole_fractions import HOUR_S, MINUTE_S, MoleFractionOrigin, StationEvent, StoredMoleFractions
from core.store.readings import StoredReadings
from core.store.reviews import StoredReviews
from core.store.tanks import StoredTanks
from core.tanks import Tank
from qc.codes import GOOD, SUSPECT, UNKNOWN
from qc.mole_fraction.comparisons import Comparison
from qc.mole_fraction.performance import MIN_CMR_SHARE, continuous_repeatability, long_term_repeatability
from qc.mole_fraction.series import TargetRun
from qc.review import MonthState, months, read_states
from qc.stored_air import part_of, read_comparisons, target_runs

HOUR = timedelta(hours=1)
ALARM = "mole fraction "
LINE_TEST = "mole fraction line_test"
RECOMPUTED = "mole fraction recomputed"
CMR_AROUND = timedelta(hours=13)
"""A continuous run of a day lies this near its middle; the parts in which it is stored, too."""


@dataclass(frozen=True)
class PerformanceGoals:
    """What is asked of an analyser, in the gas's unit; None where nothing is.

    Attributes
    ----------
    bias : float
        Largest bias of a target: WMO/GAW's network compatibility goal, or the station file's.
    cmr_minute, cmr_hour, ltr : float or None
        Largest CMR of minutes and of hours, and largest LTR, as ICOS asks.
    """

    bias: float
    cmr_minute: float | None
    cmr_hour: float | None
    ltr: float | None


ICOS_GOALS: dict[str, tuple[float, float, float]] = {
    "CO2": (0.05, 0.025, 0.05),
    "CH4": (1.0, 0.5, 0.5),
    "CO": (2.0, 1.0, 1.0),
}
"""CMR of minutes, CMR of hours and LTR of ICOS' station specifications, doi:10.18160/GK28-2188; N2O: none here."""


@dataclass(frozen=True)
class HoursOfMonth:
    """Hours of a gas at an intake in a month: due (from the station's first hour to the end or now), and by flag."""

    gas: str
    intake: str
    start: datetime
    end: datetime
    due: int
    good: int
    provisional: int
    suspect: int

    @property
    def coverage(self) -> float:
        """Share of the hours due that are good; NaN if none are due."""
        return self.good / self.due if self.due else float("nan")


@dataclass(frozen=True)
class TargetOfMonth:
    """Runs of a target in a month; NaN where there are too few, or no continuous run of a day for the CMR."""

    gas: str
    tank: str
    start: datetime
    end: datetime
    runs: int
    bias: float
    largest: float
    within: float
    ltr: float
    cmr_minute: float
    cmr_hour: float


@dataclass(frozen=True)
class TankAtPort:
    """A tank at a port, with its file if it is registered."""

    port: Port
    tank: Tank | None


@dataclass(frozen=True)
class Dossier:
    """All of it; ``hours`` and ``targets`` by gas, then month."""

    station: Identity
    system: str
    start: datetime
    end: datetime
    made: datetime
    gases: tuple[MeasuredGas, ...]
    heights: dict[str, float]
    goals: dict[str, PerformanceGoals]
    hours: tuple[HoursOfMonth, ...]
    targets: tuple[TargetOfMonth, ...]
    tanks: tuple[TankAtPort, ...]
    line_tests: tuple[StationEvent, ...]
    alarms: tuple[StationEvent, ...]
    recomputed: tuple[StationEvent, ...]
    people: tuple[StationEvent, ...]
    comparisons: tuple[tuple[StationEvent, Comparison | None], ...]
    reviews: tuple[MonthState, ...]
    origin: MoleFractionOrigin


_Events = tuple[StationEvent, ...]


class DossierStore(Protocol):
    """What is read: a store, or what somebody may see of it."""

    mole_fractions: StoredMoleFractions
    readings: StoredReadings
    tanks: StoredTanks
    reviews: StoredReviews


def make_dossier(
    store: DossierStore, row: StationRow, start: datetime, end: datetime, review_days: float, now: datetime
) -> Dossier:
    """Gather the dossier of a station with an analyser.

    Parameters
    ----------
    start, end : datetime
        The months of local standard time that this touches are in it, cut to it.
    review_days : float
        How long after a month it has to be reviewed.
    now : datetime
        Later hours are not due.
    """
    part, id = part_of(row), row.station.id
    offset = row.station.station.utc_offset
    periods = [(max(first, start), min(last, end)) for first, last in months(start, end, offset)]
    events = store.mole_fractions.read_events(id, start, end)
    runs = target_runs(store.mole_fractions.read_targets(id, start, end))
    known = store.tanks.read(part.tanks)
    air = {mole_fraction_subject(gas.name, intake) for gas in part.gas for intake in part.intakes}
    line_tests, alarms, recomputed, people = _by_kind(events)
    return Dossier(
        row.station.station,
        part.system,
        start,
        end,
        now,
        part.gas,
        part.heights,
        {gas.name: goals_of(gas) for gas in part.gas},
        tuple(_hours(store, row, part, periods, now)),
        tuple(_targets(store, row, part, runs, periods)),
        tuple(
            TankAtPort(port, known.by_serial.get(port.tank))
            for port in part.port
            if port.tank is not None and _touches(port, start, end)
        ),
        line_tests,
        alarms,
        recomputed,
        people,
        tuple(read_comparisons(store.mole_fractions, row, start, end)),
        tuple(one for one in read_states(store.reviews, row, start, end, review_days) if one.subject in air),
        store.mole_fractions.read_origin(id, start, end),
    )


def goals_of(gas: MeasuredGas) -> PerformanceGoals:
    """Return what is asked of an analyser for a gas."""
    minute, hour, ltr = ICOS_GOALS.get(gas.name, (None, None, None))
    return PerformanceGoals(gas.accepted_bias, minute, hour, ltr)


def last_year(now: datetime, utc_offset: float) -> tuple[datetime, datetime]:
    """Return the period of a dossier if none is asked for: this month of local standard time and the eleven before."""
    local = now + timedelta(hours=utc_offset)
    months_before = local.year * 12 + local.month - 12
    first = datetime(months_before // 12, months_before % 12 + 1, 1, tzinfo=UTC)
    return first - timedelta(hours=utc_offset), now


def _by_kind(events: Sequence[StationEvent]) -> tuple[_Events, _Events, _Events, _Events]:
    """Return tests of lines, alarms, recomputations, and what people did."""
    found = [one for one in events if one.kind.startswith(ALARM)]
    return (
        tuple(one for one in events if one.kind in ("line_test", LINE_TEST)),
        tuple(one for one in found if one.kind not in (RECOMPUTED, LINE_TEST) and one.severity != "info"),
        tuple(one for one in found if one.kind == RECOMPUTED),
        tuple(one for one in events if one.kind in ("weekly_check", "visit")),
    )


def _hours(
    store: DossierStore,
    row: StationRow,
    part: MoleFraction,
    periods: Sequence[tuple[datetime, datetime]],
    now: datetime,
) -> list[HoursOfMonth]:
    span = store.mole_fractions.read_span(row.station.id)
    begun = now if span is None else span[0]
    found = []
    for gas in part.gas:
        table = store.mole_fractions.read(row.station.id, periods[0][0], periods[-1][1], gases=[gas.name])
        for intake in part.intakes:
            own = table.filter((pl.col("intake") == intake) & pl.col("value").is_not_null())
            for first, last in periods:
                flags = own.filter((pl.col("time") >= first) & (pl.col("time") < last))["flag"].to_numpy()
                due = max(timedelta(0), min(last, now) - max(first, begun)) // HOUR
                counts = (int((flags == flag).sum()) for flag in (GOOD, UNKNOWN, SUSPECT))
                found.append(HoursOfMonth(gas.name, intake, first, last, due, *counts))
    return found


def _targets(
    store: DossierStore,
    row: StationRow,
    part: MoleFraction,
    runs: Sequence[TargetRun],
    periods: Sequence[tuple[datetime, datetime]],
) -> list[TargetOfMonth]:
    found = []
    for gas in part.gas:
        tanks = dict.fromkeys(run.tank for run in runs if run.gas == gas.name)
        for tank in tanks:
            for first, last in periods:
                own = [
                    run
                    for run in runs
                    if (run.gas, run.tank) == (gas.name, tank) and to_ns(first) <= run.time_ns < to_ns(last)
                ]
                if not own:
                    continue
                good = [run for run in own if run.flag == GOOD and np.isfinite(run.bias)]
                bias = np.array([run.bias for run in good])
                nothing = float("nan")
                found.append(
                    TargetOfMonth(
                        gas.name,
                        tank,
                        first,
                        last,
                        len(own),
                        float(bias.mean()) if bias.size else nothing,
                        float(bias[np.argmax(np.abs(bias))]) if bias.size else nothing,
                        float((np.abs(bias) <= gas.accepted_bias).mean()) if bias.size else nothing,
                        long_term_repeatability(good),
                        *_cmr(store, row, part, gas, own),
                    )
                )
    return found


def _cmr(
    store: DossierStore, row: StationRow, part: MoleFraction, gas: MeasuredGas, runs: Sequence[TargetRun]
) -> tuple[float, float]:
    """Return the CMR of minutes and of hours of the newest continuous run of a day: of the analyser's own values."""
    step_s = row.station.streams[part.stream].dt_ns / 1e9
    run = next((one for one in reversed(runs) if _samples_around(one, runs) * step_s >= MIN_CMR_SHARE * 86_400), None)
    if run is None:
        return float("nan"), float("nan")
    middle = from_ns(run.time_ns)
    raw = store.mole_fractions.read_raw(row, part.stream, middle - 2 * CMR_AROUND, middle + 2 * CMR_AROUND)
    ports = [port.number for port in part.port if port.tank == run.tank]
    own = np.isin(raw.values[:, raw.channels.index(part.valve)], ports)
    stretch = _longest(raw.time_ns[own], int(part.timing.outage * NS))
    time, value = raw.time_ns[own][stretch], raw.values[own, raw.channels.index(gas.channel)][stretch]
    flushed = time >= time[:1] + int(part.timing.flush * NS)
    time, value = time[flushed], value[flushed]
    minutes, group = np.unique(time // (MINUTE_S * NS), return_inverse=True)
    present = np.isfinite(value)
    sums = np.bincount(group[present], value[present], len(minutes))
    counts = np.bincount(group[present], minlength=len(minutes))
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    at = minutes * MINUTE_S * NS
    return continuous_repeatability(at, means, MINUTE_S), continuous_repeatability(at, means, HOUR_S)


def _longest(time: NDArray[np.int64], gap_ns: int) -> slice:
    """Return the longest stretch without a gap."""
    ends = np.flatnonzero(np.diff(time) > gap_ns) + 1
    bounds = [0, *ends.tolist(), len(time)]
    first, last = max(pairwise(bounds), key=lambda pair: pair[1] - pair[0])
    return slice(first, last)


def _samples_around(run: TargetRun, runs: Sequence[TargetRun]) -> int:
    """Return how many samples of a tank lie around a run: a run of a day may be stored in parts."""
    reach = to_ns(from_ns(run.time_ns) + CMR_AROUND) - run.time_ns
    return sum(one.n for one in runs if abs(one.time_ns - run.time_ns) <= reach)


def _touches(port: Port, start: datetime, end: datetime) -> bool:
    return (port.start is None or port.start < end) and (port.end is None or port.end > start)


def local_month(time: datetime, utc_offset: float) -> str:
    """Return the month of local standard time of a time, such as 2026-07."""
    return f"{time.astimezone(UTC) + timedelta(hours=utc_offset):%Y-%m}"
