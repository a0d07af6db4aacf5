"""Mole fractions of what is stored: as raw data come, and over a period; with the same result bit for bit.

A value depends on raw samples of a bounded stretch around it (``qc.mole_fraction.chain``): whatever is made again reads
that stretch, and a period is made part by part.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

import numpy as np
import polars as pl

from core.clock import from_ns, to_ns
from core.errors import FluxTowerError, StoreError
from core.progress import Progress, no_progress
from core.station import Station
from core.station.mole_fraction import MoleFraction
from core.store import Store
from core.store.mole_fractions import EVENT_KINDS, MakingState, Replaced, StationEvent
from core.store.stations import StationRow
from core.tanks import Tanks
from qc.mole_fraction import (
    Alarm,
    Event,
    LineTest,
    Means,
    MoleFractions,
    RawSeries,
    TargetRun,
    changed_span,
    look_ahead_ns,
    look_back_ns,
    process_mole_fractions,
    reasons_of,
    restricted,
)

CODE_VERSION = f"fluxtower {version('fluxtower')}"
PART = timedelta(days=30)
"""So much of a period is made at once: bounds the memory."""
MAKE_SECONDS = 20.0
"""Time between two looks for new raw data. [s]"""
HOUR = timedelta(hours=1)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Made:
    """What came of making values.

    Attributes
    ----------
    hours : mapping of (str, int) to int
        Gas and flag -> how many hours of all intakes.
    reasons : mapping of (str, str) to int
        Gas and reason -> how many minutes of all intakes are not good for it.
    replaced : tuple of Replaced
    alarms : tuple of Alarm
    notes : tuple of str
    """

    hours: Mapping[tuple[str, int], int]
    reasons: Mapping[tuple[str, str], int]
    replaced: tuple[Replaced, ...]
    alarms: tuple[Alarm, ...]
    notes: tuple[str, ...]


def make_as_they_come(store: Store, stop: threading.Event) -> None:
    """Make the values of all stations with an analyser, again and again, until ``stop`` is set."""
    failed: dict[str, str] = {}
    while not stop.wait(MAKE_SECONDS):
        try:
            for row in store.stations.read_all():
                if row.station.mole_fraction is not None and not stop.is_set():
                    _make_or_tell(store, row, failed)
        except StoreError as error:
            log.warning("mole fractions wait: %s", error)


def make_new(store: Store, row: StationRow) -> Made | None:
    """Make what new raw data, requests and changed files make due; None if there is nothing to do.

    Raises
    ------
    ConfigError
        A tank that is not registered, or not assigned.
    """
    part = row.station.mole_fraction
    span = store.mole_fractions.read_raw_span(row, part.stream) if part else None
    if part is None or span is None:
        return None
    tanks = store.tanks.read(part.tanks)
    digest = digest_of(row.station)
    state = store.mole_fractions.read_state(row)
    requests = store.mole_fractions.read_requests(row)
    if state is None or (state.config_sha256, state.tanks_sha256) != (digest, tanks.sha256):
        why = "" if state is None else "the station file or a tank file has changed"
        made = make_period(store, row, span[0], span[1] + HOUR, why=why)
    else:
        spans = [(one.starts, one.ends) for one in requests] + ([(state.seen, span[1])] if span[1] > state.seen else [])
        if not spans:
            return None
        due = _joined([_around(part, start, end) for start, end in spans])
        made = _sum([make_period(store, row, *one, why="raw data came late or were corrected") for one in due])
    store.mole_fractions.put_state(row, MakingState(span[1], digest, tanks.sha256))
    store.mole_fractions.end_requests(requests)
    return made


def make_period(
    store: Store, row: StationRow, start: datetime, end: datetime, *, why: str = "", progress: Progress = no_progress
) -> Made:
    """Make and store all values of the whole hours of [start, end).

    Parameters
    ----------
    why : str
        Why values that are replaced are made again; kept in the log of events.
    progress : Progress
        Is told parts of 30 days.

    Raises
    ------
    ConfigError
        The station has no analyser; a tank that is not registered, or not assigned.
    """
    part = row.station.mole_fraction
    if part is None:
        raise FluxTowerError(f"{row.station.id} has no part [mole_fraction] in its station file")
    tanks = store.tanks.read(part.tanks)
    made = []
    parts = list(_parts(start, end))
    for number, (first, last) in enumerate(parts):
        progress("mole fractions", number, len(parts))
        made.append(_make(store, row, part, tanks, first, last))
    progress("mole fractions", len(parts), len(parts))
    result = _sum(made)
    if result.replaced:
        store.mole_fractions.put_event(row, _recomputed(result.replaced, why))
    return result


def digest_of(station: Station) -> str:
    """Return the SHA-256 of all in a station file that values of its analyser depend on."""
    part = station.mole_fraction
    assert part is not None
    said = station.streams[part.stream].model_dump_json() + part.model_dump_json() + station.id
    return hashlib.sha256(said.encode()).hexdigest()


def _make_or_tell(store: Store, row: StationRow, failed: dict[str, str]) -> None:
    """Make what is due of a station; what fails is told once, and the other stations go on."""
    id = row.station.id
    try:
        make_new(store, row)
    except StoreError:
        raise
    except Exception as error:
        if failed.get(id) != str(error):
            log.exception("mole fractions of %s cannot be made", id)
        failed[id] = str(error)
    else:
        failed.pop(id, None)


def _make(store: Store, row: StationRow, part: MoleFraction, tanks: Tanks, start: datetime, end: datetime) -> Made:
    begin_ns, end_ns = to_ns(start) - look_back_ns(part), to_ns(end) + look_ahead_ns(part)
    raw = store.mole_fractions.read_raw(row, part.stream, from_ns(begin_ns), from_ns(end_ns))
    events = _events(store.mole_fractions.read_events(row.station.id, from_ns(begin_ns), from_ns(end_ns)))
    series = RawSeries(raw.time_ns, raw.values, raw.channels)
    whole = process_mole_fractions(series, row.station, tanks, events=events)
    result = restricted(whole, to_ns(start), to_ns(end))
    rows = pl.concat([_rows(means) for by in (result.minutes, result.hours) for means in by.values()])
    replaced = store.mole_fractions.put(
        row,
        start,
        end,
        rows,
        [_target(one) for one in result.targets],
        [*map(_alarm_event, result.alarms), *(_passed_event(one) for one in result.line_tests if one.passed)],
        tanks_sha256=tanks.sha256,
        code_version=CODE_VERSION,
    )
    return Made(_count_hours(result), _count_reasons(result), tuple(replaced), result.alarms, whole.notes)


def _count_hours(result: MoleFractions) -> Counter[tuple[str, int]]:
    return Counter((gas, int(flag)) for gas, means in result.hours.items() for flag in means.flag)


def _count_reasons(result: MoleFractions) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for gas, means in result.minutes.items():
        for mark, number in zip(*np.unique(means.marks, return_counts=True), strict=True):
            for reason in reasons_of(int(mark)):
                counts[gas, reason] += int(number)
    return counts


def _rows(means: Means) -> pl.DataFrame:
    names = np.array(means.intakes, dtype=object)[means.intake]
    words = {int(mark): reasons_of(int(mark)) for mark in np.unique(means.marks)}
    return pl.DataFrame(
        {
            "time": means.time_ns.astype("datetime64[ns]"),
            "gas": [means.gas] * len(means),
            "intake": names.tolist(),
            "step_s": [means.step_s] * len(means),
            "value": means.value,
            "sd": means.sd,
            "u": means.u,
            "n": means.n.astype(np.int64),
            "flag": means.flag.astype(np.int64),
            "reasons": [words[int(mark)] for mark in means.marks],
            "scale": [means.scale] * len(means),
        },
        schema_overrides={"gas": pl.String, "intake": pl.String, "reasons": pl.List(pl.String), "scale": pl.String,
                          "step_s": pl.Int64},
    ).with_columns(pl.col("time").dt.cast_time_unit("us").dt.replace_time_zone("UTC"))  # fmt: skip


def _target(run: TargetRun) -> dict[str, object]:
    numbers = {name: _finite(getattr(run, name)) for name in ("value", "u", "sd", "assigned", "u_assigned")}
    return {"time": from_ns(run.time_ns), "gas": run.gas, "tank": run.tank, "n": run.n, "flag": run.flag, **numbers}


def _alarm_event(alarm: Alarm) -> StationEvent:
    data = {"gas": alarm.gas, "about": alarm.about, "value": _finite(alarm.value), "limit": _finite(alarm.limit)}
    return StationEvent(f"mole fraction {alarm.kind}", alarm.level, alarm.text, from_ns(alarm.time_ns), None, data)


def _passed_event(test: LineTest) -> StationEvent:
    """Return what is told of a test of a sampling line that was passed; one that was not is an alarm."""
    data = {"gas": test.gas, "about": test.intake, "value": _finite(test.difference), "limit": None}
    off = f"is off by {test.difference:+.3f} in {test.gas}, within the goal"
    text = f"line_test: gas of {test.tank} through the line of {test.intake} {off}"
    return StationEvent("mole fraction line_test", "info", text, from_ns(test.start_ns), None, data)


def _recomputed(replaced: Sequence[Replaced], why: str) -> StationEvent:
    hours = sum(one.hours for one in replaced)
    largest = [one for one in replaced if one.largest is not None]
    worst = max(largest, key=lambda one: one.largest or 0.0, default=None)
    by = f", by up to {worst.largest:.3f} in {worst.gas} at {worst.intake}" if worst else ""
    first, last = min(one.first for one in replaced), max(one.last for one in replaced)
    text = f"{hours} hours have other values{by}: {why or 'computed again'}"
    data = {
        "made": datetime.now(UTC).isoformat(),
        "why": why,
        "replaced": [
            {"gas": one.gas, "intake": one.intake, "hours": one.hours, "largest": one.largest, "mean": one.mean}
            for one in replaced
        ],
    }
    return StationEvent("mole fraction recomputed", "info", text, first, last + HOUR, data)


def _events(stored: Sequence[StationEvent]) -> list[Event]:
    return [
        Event(
            one.kind,  # type: ignore[arg-type]
            to_ns(one.time),
            to_ns(one.ends or one.time),
            one.data.get("intake", ""),
            one.data.get("tank", ""),
            one.data.get("checks", {}),
            one.message,
            one.data.get("by", ""),
        )
        for one in stored
        if one.kind in EVENT_KINDS
    ]


def _around(part: MoleFraction, start: datetime, end: datetime) -> tuple[datetime, datetime]:
    first, last = changed_span(part, to_ns(start), to_ns(end))
    return from_ns(first), from_ns(last)


def _joined(spans: Sequence[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Return spans that do not touch, in the order of time."""
    joined: list[tuple[datetime, datetime]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _parts(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    first = start.replace(minute=0, second=0, microsecond=0)
    while first < end:
        last = min(first + PART, _hour_after(end))
        yield first, last
        first = last


def _hour_after(time: datetime) -> datetime:
    whole = time.replace(minute=0, second=0, microsecond=0)
    return whole if whole == time else whole + HOUR


def _sum(made: Sequence[Made]) -> Made:
    return Made(
        sum((Counter(one.hours) for one in made), Counter()),
        sum((Counter(one.reasons) for one in made), Counter()),
        tuple(replaced for one in made for replaced in one.replaced),
        tuple(alarm for one in made for alarm in one.alarms),
        tuple(dict.fromkeys(note for one in made for note in one.notes)),
    )


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
