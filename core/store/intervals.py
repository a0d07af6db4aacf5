"""Averaging intervals: which of them have data that are not computed yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from core.errors import UnknownStation
from core.records import Reading
from core.store.catalogue import Catalogue
from core.store.copy import Float8Array, Int4Array, TimeArray
from core.store.database import Connection, Database, Row, sql
from core.store.minute_statistics import MINUTE_NS, MinuteParts

TOO_LATE_FAILURE = "data came after retention had dropped its samples: the result before them stays"
"""Failure of an interval that is not computed again for new data."""


@dataclass(frozen=True, slots=True)
class DueInterval:
    """An averaging interval whose data are newer than its result."""

    station: str
    start: datetime
    revision: int


class StoredIntervals:
    """The part of the store that holds the state of averaging intervals."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_due(self, now: datetime, limit: int) -> list[DueInterval]:
        """Return intervals that are complete, or whose lateness allowance is over, with data not yet computed."""
        rows = self._database.rows("due_intervals", now=now, limit=limit)
        return [DueInterval(row["station"], row["time"], row["revision"]) for row in rows]

    def read_pending_revision(self, station: str, start: datetime) -> int | None:
        """Return the revision of an interval's data that are not yet computed, None if there are none.

        Read it BEFORE the data: what comes meanwhile makes the interval due again.
        """
        row = self._database.row("pending_revision", station=station, time=start)
        return None if row is None else int(row["revision"])

    def fail(self, station: str, start: datetime, revision: int, failure: str) -> None:
        """Mark an interval as failed, with the reason; new data make it due again."""
        self._database.execute("fail_interval", station=station, time=start, revision=revision, failure=failure)


def mark_computed(connection: Connection, key: Row) -> None:
    """Note up to which revision of its data an interval is computed: ``station`` (its key), ``time``, ``revision``."""
    connection.execute(sql("interval_done"), key)


def touch_intervals(
    connection: Connection, catalogue: Catalogue, parts: Sequence[MinuteParts], meteorology: Sequence[Reading]
) -> None:
    """Count new samples into their averaging intervals; new meteorology makes an interval due again.

    One of which retention has dropped samples is not due any more: it is marked with ``TOO_LATE_FAILURE``.
    """
    touched = _count_samples(catalogue, parts)
    for reading in meteorology:
        flux = catalogue.station(reading.station).flux
        if flux is not None and reading.stream == flux.meteorology:
            row = catalogue.stream(reading)
            minutes = flux.averaging_minutes
            start = reading.time_ns - reading.time_ns % (minutes * MINUTE_NS)
            rate = catalogue.station(reading.station).streams[flux.stream].rate or 0.0
            touched.setdefault((row.station_key, start), [*_expectation(minutes, flux.lateness_seconds, rate), 0])
    if not touched:
        return
    keys = np.array(sorted(touched), np.int64)
    values = np.array([touched[station, start] for station, start in sorted(touched)])
    parameters = {
        "station": Int4Array(keys[:, 0]),
        "time": TimeArray(keys[:, 1] // 1000),
        "minutes": Int4Array(values[:, 0]),
        "lateness": Float8Array(values[:, 1]),
        "expected": Int4Array(values[:, 2]),
        "samples": Int4Array(values[:, 3]),
        "too_late": TOO_LATE_FAILURE,
    }
    connection.execute(sql("touch_intervals"), parameters)


def _count_samples(catalogue: Catalogue, parts: Sequence[MinuteParts]) -> dict[tuple[int, int], list[float]]:
    """Return (station key, start [ns]) -> minutes, lateness, samples expected, samples of parts of minutes."""
    touched: dict[tuple[int, int], list[float]] = {}
    for one in parts:
        due = {key: _interval(catalogue, key) for key in np.unique(one.stream).tolist()}
        for station, stream, minute, slots in zip(
            one.station.tolist(), one.stream.tolist(), one.minute.tolist(), one.slots.tolist(), strict=True
        ):
            if (interval := due[stream]) is not None:
                start = minute - minute % (interval[0] * MINUTE_NS)
                touched.setdefault((station, start), [*interval, 0])[-1] += slots
    return touched


def _interval(catalogue: Catalogue, stream: int) -> tuple[int, float, int] | None:
    """Return (minutes, lateness [s], samples expected) of the intervals that a stream is for, None if for none."""
    row = catalogue.by_key(stream)
    if row is None:
        catalogue.refresh()
        row = catalogue.by_key(stream)
    try:
        station = catalogue.station(row.station) if row is not None else None
    except UnknownStation:
        return None
    if row is None or station is None or station.flux is None or station.flux.stream != row.name:
        return None
    rate = station.streams[row.name].rate or 0.0
    return _expectation(station.flux.averaging_minutes, station.flux.lateness_seconds, rate)


def _expectation(minutes: int, lateness: float, rate: float) -> tuple[int, float, int]:
    return minutes, lateness, round(minutes * 60 * rate)
