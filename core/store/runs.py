"""Season runs and their products: written once, never edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import polars as pl
from psycopg.types.json import Jsonb

from core.errors import StoreError, UnknownRun
from core.frames import PRODUCT_COLUMNS
from core.store.database import Database, Row, sql
from core.store.stations import StoredStations

PROVISIONAL = "provisional"
"""Kind of the daily run of a running season."""
ON_DEMAND = "season"
"""Kind of a run that somebody asked for."""
ROWS_AT_ONCE = 20_000
_, *NAMED_SERIES = PRODUCT_COLUMNS


@dataclass(frozen=True, slots=True)
class RunRow:
    """A season run.

    Attributes
    ----------
    id : int
    station, kind : str
        ``provisional`` (daily, superseded by the next) or ``season`` (on demand).
    first, last : datetime or None
        Start of its first and last interval, UTC; None without any.
    intervals : int
    minutes : int or None
        Length of an interval; None of runs before it was kept.
    config_sha256, code_version : str
        The station's configuration, and the program.
    methods : mapping
        What was done.
    started, finished : datetime
        Before its inputs were read; when it was stored.
    further : tuple of str
        Series beside ``PRODUCT_COLUMNS``.
    provenance : mapping
        Inputs, thresholds, sums, notes, what was not done and why.
    """

    id: int
    station: str
    kind: str
    first: datetime | None
    last: datetime | None
    intervals: int
    minutes: int | None
    config_sha256: str
    code_version: str
    methods: Mapping[str, Any]
    started: datetime
    finished: datetime
    further: tuple[str, ...]
    provenance: Mapping[str, Any]


class StoredRuns:
    """The part of the store that holds season runs."""

    def __init__(self, database: Database, stations: StoredStations) -> None:
        self._database = database
        self._stations = stations

    def put(
        self,
        station: str,
        *,
        config_sha256: str,
        code_version: str,
        methods: Mapping[str, object],
        started: datetime,
        product: pl.DataFrame,
        kind: str = PROVISIONAL,
        minutes: int = 30,
        provenance: Mapping[str, object] | None = None,
    ) -> int:
        """Store a run with its half-hours in one transaction; return its id.

        Parameters
        ----------
        started : datetime
            The time before the inputs were read: fluxes computed since make the run stale.
        product : pl.DataFrame
            ``start`` (UTC, ascending), any of ``PRODUCT_COLUMNS``; every other column is a further series. NaN or null
            is missing.
        minutes : int
            Length of an interval.
        methods, provenance : mapping
            Anything that JSON can say; NaN becomes null.
        """
        further = [name for name in product.columns if name not in PRODUCT_COLUMNS]
        starts = product["start"]
        run = {
            "station": self._stations.read(station).key,
            "kind": kind,
            "first": starts.min(),
            "last": starts.max(),
            "intervals": product.height,
            "minutes": minutes,
            "config_sha256": config_sha256,
            "code_version": code_version,
            "methods": Jsonb(methods, dumps=_dumps),
            "started": started,
            "further": further,
            "provenance": Jsonb(provenance or {}, dumps=_dumps),
        }
        with self._database.transaction() as connection:
            row = connection.execute(sql("put_run"), run).fetchone()
            if row is None:
                raise StoreError(f"a run of {station} could not be stored")
            number = int(row["id"])
            copy_product = sql("copy_product", columns=_columns(NAMED_SERIES))
            with connection.cursor() as cursor, cursor.copy(copy_product) as copy:
                for rows in product.iter_slices(ROWS_AT_ONCE):
                    copy.write(_csv(rows, number, further))
            if kind == PROVISIONAL:
                connection.execute(sql("forget_attempts"), run)
        return number

    def read(self, id: int) -> RunRow:
        """Read a run; ``UnknownRun`` if there is none of that id, or no more."""
        row = self._database.row("run", id=id)
        if row is None:
            gone = self._database.row("dropped_run", id=id)
            was = (
                f"a superseded provisional run of {gone['station']}, dropped {gone['dropped']:%Y-%m-%d}" if gone else ""
            )
            raise UnknownRun(id, was)
        return _run(row)

    def find(
        self, station: str | None = None, *, kind: str | None = None, limit: int = 100, below: int | None = None
    ) -> list[RunRow]:
        """Read the newest season runs, of one station or of all, of one kind or of all; ``below``: with smaller ids."""
        key = None if station is None else self._stations.read(station).key
        return [_run(row) for row in self._database.rows("runs", station=key, kind=kind, limit=limit, below=below)]

    def read_shown(self, station: str) -> RunRow | None:
        """Read the run that page, API and command show of a station: the newest that somebody asked for and kept.

        Without one that of the running season; None without any.
        """
        return self.read_newest(station, ON_DEMAND) or self.read_newest(station, PROVISIONAL)

    def read_newer_provisional(self, shown: RunRow | None) -> RunRow | None:
        """Read the provisional run of the same station if it is newer than the one that is shown."""
        if shown is None or shown.kind == PROVISIONAL:
            return None
        provisional = self.read_newest(shown.station, PROVISIONAL)
        return provisional if provisional and provisional.finished > shown.finished else None

    def read_newest(self, station: str, kind: str = PROVISIONAL) -> RunRow | None:
        """Read a station's newest run of a kind, None without one."""
        row = self._database.row("newest_run", station=self._stations.read(station).key, kind=kind)
        return None if row is None else self.read(int(row["id"]))

    def read_product(
        self, run: RunRow, start: datetime, end: datetime, names: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Read a run's half-hours of [start, end): ``start`` and the named series, by default all that it has.

        Raises
        ------
        KeyError
            A name that it has not.
        """
        places = {name: i for i, name in enumerate(run.further, 1)}
        wanted = list(names) if names is not None else [*NAMED_SERIES, *places]
        terms = [f"further[{places[name]}]" if name in places else _columns([_known(name)]) for name in wanted]
        statement = sql("product", columns=", ".join(["time", *terms]))
        with self._database.tuples() as cursor:
            rows = cursor.execute(statement, {"run": run.id, "start": start, "end": end}).fetchall()
        kinds = {name: PRODUCT_COLUMNS.get(name, pl.Float64()) for name in ("start", *wanted)}
        return pl.DataFrame(rows, schema=kinds, orient="row")

    def read_threshold_range(self, run: RunRow) -> tuple[float, float] | None:
        """Read the smallest and the largest threshold of u* that a run's half-hours were filtered by, None without.

        Seasons without a threshold of their own are among them with their year's. [m s-1]
        """
        row = self._database.row("threshold_range", run=run.id)
        return None if row is None or row["low"] is None else (float(row["low"]), float(row["high"]))

    def read_newest_product(
        self, station: str, start: datetime, end: datetime, kind: str = PROVISIONAL
    ) -> pl.DataFrame:
        """Read the newest run's half-hours of [start, end); no row without a run."""
        run = self.read_newest(station, kind)
        return pl.DataFrame(schema=PRODUCT_COLUMNS) if run is None else self.read_product(run, start, end)


def _run(row: Row) -> RunRow:
    return RunRow(**row | {"further": tuple(row["further"])})


def _dumps(value: object) -> bytes:
    # JSON knows no NaN, and our records have tuples
    return orjson.dumps(value, default=str, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)


def _columns(names: Sequence[str]) -> str:
    return ", ".join(name.lower() for name in names)


def _known(name: str) -> str:
    if name not in NAMED_SERIES:
        raise KeyError(name)
    return name


def _csv(rows: pl.DataFrame, run: int, further: Sequence[str]) -> bytes:
    """Return half-hours as CSV for COPY: doubles in the fewest digits that give them back, NULL for what is missing."""
    absent = [name for name in NAMED_SERIES if name not in rows.columns]
    rows = rows.with_columns(pl.lit(None).alias(name) for name in absent).fill_nan(None)
    counted = [name for name in NAMED_SERIES if PRODUCT_COLUMNS[name] == pl.Int64]
    array = pl.lit(None, pl.String)
    if further:
        texts = [pl.col(name).cast(pl.Float64).cast(pl.String).fill_null("NULL") for name in further]
        array = pl.concat_str(pl.lit("{"), pl.concat_str(texts, separator=","), pl.lit("}"))
    table = rows.select(
        pl.col("start").dt.strftime("%Y-%m-%d %H:%M:%S%.6f+00"),
        pl.lit(run).alias("run"),
        array.alias("further"),
        *(pl.col(name).cast(pl.Int64 if name in counted else pl.Float64) for name in NAMED_SERIES),
    )
    return table.write_csv(include_header=False).encode()
