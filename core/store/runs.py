"""Season runs and their products: written once, never edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import polars as pl
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb

from core.errors import StoreError, UnknownRun
from core.frames import PRODUCT_COLUMNS
from core.store.database import Database, Row, sql
from core.store.stations import get_station

PROVISIONAL = "provisional"
"""Kind of the daily run of a running season."""
ON_DEMAND = "season"
"""Kind of a run that somebody asked for."""
ROWS_AT_ONCE = 20_000
_, *NAMED = PRODUCT_COLUMNS


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


def put_run(
    database: Database,
    station: str,
    *,
    kind: str,
    config_sha256: str,
    code_version: str,
    methods: Mapping[str, object],
    started: datetime,
    product: pl.DataFrame,
    minutes: int,
    provenance: Mapping[str, object],
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
        "station": get_station(database, station).key,
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
        "provenance": Jsonb(provenance, dumps=_dumps),
    }
    with database.transaction() as connection:
        row = connection.execute(sql("put_run"), run).fetchone()
        if row is None:
            raise StoreError(f"a run of {station} could not be stored")
        number = int(row["id"])
        copy_product = sql("copy_product", columns=_columns(NAMED))
        with connection.cursor() as cursor, cursor.copy(copy_product) as copy:
            for rows in product.iter_slices(ROWS_AT_ONCE):
                copy.write(_csv(rows, number, further))
        if kind == PROVISIONAL:
            connection.execute(sql("forget_attempts"), run)
    return number


def read_run(database: Database, id: int) -> RunRow:
    """Read a run; ``UnknownRun`` if there is none of that id, or no more."""
    row = database.row("run", id=id)
    if row is None:
        gone = database.row("dropped_run", id=id)
        was = f"a superseded provisional run of {gone['station']}, dropped {gone['dropped']:%Y-%m-%d}" if gone else ""
        raise UnknownRun(id, was)
    return _run(row)


def read_runs(database: Database, station: str | None, kind: str | None, limit: int, below: int | None) -> list[RunRow]:
    """Read the newest runs, of one station or of all, of one kind or of all, with ids below one."""
    key = None if station is None else get_station(database, station).key
    return [_run(row) for row in database.rows("runs", station=key, kind=kind, limit=limit, below=below)]


def newest_run(database: Database, station: str, kind: str) -> RunRow | None:
    """Read a station's newest run of a kind, None without one."""
    row = database.row("newest_run", station=get_station(database, station).key, kind=kind)
    return None if row is None else read_run(database, int(row["id"]))


def read_product(
    database: Database, run: RunRow, start: datetime, end: datetime, names: Sequence[str] | None
) -> pl.DataFrame:
    """Read a run's half-hours of [start, end): ``start`` and the named series, by default all that it has.

    Raises
    ------
    KeyError
        A name that it has not.
    """
    places = {name: i for i, name in enumerate(run.further, 1)}
    wanted = list(names) if names is not None else [*NAMED, *places]
    terms = [f"further[{places[name]}]" if name in places else _columns([_known(name)]) for name in wanted]
    statement = sql("product", columns=", ".join(["time", *terms]))
    with database.transaction() as connection, connection.cursor(binary=True, row_factory=tuple_row) as cursor:
        rows = cursor.execute(statement, {"run": run.id, "start": start, "end": end}).fetchall()
    kinds = {name: PRODUCT_COLUMNS.get(name, pl.Float64()) for name in ("start", *wanted)}
    return pl.DataFrame(rows, schema=kinds, orient="row")


def _run(row: Row) -> RunRow:
    return RunRow(**row | {"further": tuple(row["further"])})


def _dumps(value: object) -> bytes:
    # JSON knows no NaN, and our records have tuples
    return orjson.dumps(value, default=str, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)


def _columns(names: Sequence[str]) -> str:
    return ", ".join(name.lower() for name in names)


def _known(name: str) -> str:
    if name not in NAMED:
        raise KeyError(name)
    return name


def _csv(rows: pl.DataFrame, run: int, further: Sequence[str]) -> bytes:
    """Return half-hours as CSV for COPY: doubles in the fewest digits that give them back, NULL for what is missing."""
    absent = [name for name in NAMED if name not in rows.columns]
    rows = rows.with_columns(pl.lit(None).alias(name) for name in absent).fill_nan(None)
    counted = [name for name in NAMED if PRODUCT_COLUMNS[name] == pl.Int64]
    array = pl.lit(None, pl.String)
    if further:
        texts = [pl.col(name).cast(pl.Float64).cast(pl.String).fill_null("NULL") for name in further]
        array = pl.concat_str(pl.lit("{"), pl.concat_str(texts, separator=","), pl.lit("}"))
    table = rows.select(
        pl.col("start").dt.strftime("%Y-%m-%d %H:%M:%S%.6f+00"),
        pl.lit(run).alias("run"),
        array.alias("further"),
        *(pl.col(name).cast(pl.Int64 if name in counted else pl.Float64) for name in NAMED),
    )
    return table.write_csv(include_header=False).encode()
