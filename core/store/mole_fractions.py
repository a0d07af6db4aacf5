"""Calibrated mole fractions: minutes and hours of each intake, runs of targets, alarms; earlier values are kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from psycopg.types.json import Jsonb

from core.clock import to_ns
from core.frames import UTC_TIME
from core.records import FloatArray
from core.store.database import Connection, Database, Row, sql
from core.store.stations import StationRow, StoredStations

MINUTE_S, HOUR_S = 60, 3600
EVENT_KINDS = ("line_test", "weekly_check", "visit")
COMPARISON_KINDS = ("flask", "round_robin")
"""Events that hold a value of another laboratory."""
BAD = 4
COLUMNS = ("time", "gas", "intake", "step_s", "value", "sd", "u", "n", "flag", "reasons", "scale")
"""Of what is stored and read; times are starts, ``value`` is null where there is none."""


@dataclass(frozen=True, slots=True)
class MakingState:
    """Up to which reading a station's values are made, and by which files."""

    seen: datetime
    config_sha256: str
    tanks_sha256: str


@dataclass(frozen=True, slots=True)
class MakingRequest:
    """A stretch whose values are to be made again."""

    id: int
    starts: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class RawReadings:
    """What an analyser sent: times (n,) [ns since 1970 UTC]; values (n, channels), NaN if missing or flagged bad."""

    time_ns: NDArray[np.int64]
    values: FloatArray
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StationEvent:
    """Something that a person did (``line_test``, ``weekly_check``, ``visit``), or that was found.

    Attributes
    ----------
    kind, severity, message : str
    time : datetime
    ends : datetime or None
    data : mapping
    """

    kind: str
    severity: str
    message: str
    time: datetime
    ends: datetime | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Replaced:
    """Hours of an intake that a recomputation replaced by other values: how many, from when to when, by how much."""

    gas: str
    intake: str
    hours: int
    first: datetime
    last: datetime
    largest: float | None
    mean: float | None


@dataclass(frozen=True, slots=True)
class MoleFractionOrigin:
    """What made values: files, program, and when the newest was made."""

    config_sha256: list[str]
    tanks_sha256: list[str]
    code_version: list[str]
    newest: datetime | None


class StoredMoleFractions:
    """The part of the store that holds mole fractions."""

    def __init__(self, database: Database, stations: StoredStations) -> None:
        self._database = database
        self._stations = stations

    def read_raw(self, row: StationRow, stream: str, start: datetime, end: datetime) -> RawReadings:
        """Read an analyser's readings of [start, end), of all layouts; what a person flagged as bad is NaN."""
        layouts = {one.key: one for one in self._stations.read_layouts(row.station.id, stream, "reading")}
        channels = tuple(channel.name for channel in row.station.streams[stream].channels)
        keys = {"station": row.key, "streams": list(layouts), "start": start, "end": end}
        rows = self._database.rows("raw_readings", **keys)
        values = np.full((len(rows), len(channels)), np.nan)
        times = np.array([to_ns(one["time"]) for one in rows], np.int64)
        for key, layout in layouts.items():
            chosen = np.array([one["stream"] == key for one in rows], bool)
            if not chosen.any():
                continue
            sent = np.array([one["values"] for one in rows if one["stream"] == key], np.float64)
            manual = [one["manual"] for one in rows if one["stream"] == key]
            for i, flags in enumerate(manual):
                if flags is not None:
                    sent[i, [flag == BAD for flag in flags]] = np.nan
            for place, name in enumerate(channels):
                if name in layout.channels:
                    values[chosen, place] = sent[:, layout.channels.index(name)]
        # the same time in two layouts of the stream: the newer layout has it
        _, first = np.unique(times[::-1], return_index=True)
        kept = len(times) - 1 - first
        return RawReadings(times[kept], values[kept], channels)

    def read_raw_span(self, row: StationRow, stream: str) -> tuple[datetime, datetime] | None:
        """Return times of an analyser's first and last reading, None without any."""
        layouts = [one for one in self._stations.read_streams(row.station.id) if one.name == stream]
        found = self._database.row("raw_span", station=row.key, streams=[one.key for one in layouts])
        return None if found is None or found["first"] is None else (found["first"], found["last"])

    def read_state(self, row: StationRow) -> MakingState | None:
        """Return up to which reading values are made, None if none are."""
        found = self._database.row("mole_fraction_state", station=row.key)
        return None if found is None else MakingState(**found)

    def put_state(self, row: StationRow, state: MakingState) -> None:
        """Store up to which reading values are made."""
        said = {"seen": state.seen, "config_sha256": state.config_sha256, "tanks_sha256": state.tanks_sha256}
        self._database.execute("put_mole_fraction_state", station=row.key, **said)

    def request(self, row: StationRow, start: datetime, end: datetime) -> None:
        """Have the values around a stretch made again."""
        self._database.execute("request_mole_fractions", station=row.key, start=start, end=end)

    def read_requests(self, row: StationRow) -> list[MakingRequest]:
        """Return the stretches whose values are to be made again, oldest request first."""
        return [MakingRequest(**one) for one in self._database.rows("mole_fraction_requests", station=row.key)]

    def end_requests(self, requests: Sequence[MakingRequest]) -> None:
        """Forget requests that were done."""
        self._database.execute("end_mole_fraction_requests", ids=[one.id for one in requests])

    def put(
        self,
        row: StationRow,
        start: datetime,
        end: datetime,
        rows: pl.DataFrame,
        targets: Sequence[Mapping[str, object]],
        alarms: Sequence[StationEvent],
        *,
        tanks_sha256: str,
        code_version: str,
    ) -> list[Replaced]:
        """Store all that was made of [start, end), or nothing; what it replaces is kept, but for provisional values.

        Parameters
        ----------
        rows : pl.DataFrame
            ``COLUMNS``, all of [start, end).
        targets : sequence of mapping
            Fields of the table ``target_run``.
        alarms : sequence of StationEvent
            What was found; earlier findings of the time are forgotten.

        Returns
        -------
        list of Replaced
            Hours that had another value before, by gas and intake.
        """
        keys = {"station": row.key, "start": start, "end": end}
        by = (row.config_sha256, tanks_sha256, code_version)
        with self._database.transaction() as connection:
            now = connection.execute("SELECT now()").fetchone()
            assert now is not None
            connection.execute(sql("stage_mole_fractions"))
            with connection.cursor().copy(sql("copy_mole_fractions")) as copy:
                for one in rows.select(COLUMNS).iter_rows():
                    time, gas, intake, step_s, value, sd, u, n, flag, reasons, scale = one
                    numbers = (_number(value), _number(sd), _number(u))
                    copy.write_row(
                        (time, row.key, gas, intake, step_s, *numbers, n, flag, reasons, scale, *by, now["now"])
                    )
            replaced = [Replaced(**one) for one in connection.execute(sql("keep_old_mole_fractions"), keys)]
            connection.execute(sql("insert_mole_fractions"))
            connection.execute(sql("delete_targets"), keys)
            for target in targets:
                connection.execute(sql("put_target"), {**target, "station": row.key})
            connection.execute(sql("forget_mole_fraction_alarms"), keys)
            for alarm in alarms:
                _put_event(connection, row, alarm)
        return replaced

    def put_event(self, row: StationRow, event: StationEvent) -> None:
        """Store an event of the station."""
        with self._database.transaction() as connection:
            _put_event(connection, row, event)

    def read(
        self,
        station: str,
        start: datetime,
        end: datetime,
        *,
        step_s: int = HOUR_S,
        gases: Sequence[str] | None = None,
        intakes: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Read minutes (60) or hours (3600) of [start, end), by gas, intake and time: ``COLUMNS`` but ``step_s``."""
        keys = {"station": self._stations.read(station).key, "start": start, "end": end, "step_s": step_s}
        chosen = {
            "gases": None if gases is None else list(gases),
            "intakes": None if intakes is None else list(intakes),
        }
        with self._database.tuples() as cursor:
            rows = cursor.execute(sql("mole_fractions"), {**keys, **chosen}).fetchall()
        schema: dict[str, Any] = {
            "time": UTC_TIME,
            "gas": pl.String,
            "intake": pl.String,
            **dict.fromkeys(("value", "sd", "u"), pl.Float64),
            **dict.fromkeys(("n", "flag"), pl.Int64),
            "reasons": pl.List(pl.String),
            "scale": pl.String,
        }
        return pl.DataFrame(rows, schema=schema, orient="row")

    def read_span(self, station: str) -> tuple[datetime, datetime] | None:
        """Return start of the first and of the last hour of a station, None without one."""
        found = self._database.row("mole_fraction_span", station=self._stations.read(station).key)
        return None if found is None or found["first"] is None else (found["first"], found["last"])

    def read_origin(self, station: str, start: datetime, end: datetime) -> MoleFractionOrigin:
        """Return what made the values of [start, end)."""
        key = self._stations.read(station).key
        found = self._database.row("mole_fraction_origin", station=key, start=start, end=end)
        return MoleFractionOrigin(**found) if found else MoleFractionOrigin([], [], [], None)

    def read_targets(self, station: str, start: datetime, end: datetime) -> pl.DataFrame:
        """Read runs of targets of [start, end), by gas, tank and time."""
        rows = self._database.rows("target_runs", station=self._stations.read(station).key, start=start, end=end)
        numbers = ("value", "u", "sd", "assigned", "u_assigned")
        schema: dict[str, Any] = {
            "time": UTC_TIME,
            "gas": pl.String,
            "tank": pl.String,
            **dict.fromkeys(numbers, pl.Float64),
            "n": pl.Int64,
            "flag": pl.Int64,
        }
        return pl.DataFrame(rows, schema=schema)

    def read_events(self, station: str, start: datetime, end: datetime) -> list[StationEvent]:
        """Read tests, checks, visits, alarms and recomputations of [start, end), oldest first."""
        rows = self._database.rows(
            "mole_fraction_events", station=self._stations.read(station).key, start=start, end=end
        )
        return [StationEvent(**one) for one in rows]


def _put_event(connection: Connection, row: StationRow, event: StationEvent) -> None:
    said: Row = {name: getattr(event, name) for name in ("kind", "severity", "message", "time", "ends")}
    connection.execute(sql("put_mole_fraction_event"), {**said, "station": row.key, "data": Jsonb(dict(event.data))})


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
