"""Season runs and their products: written once, never edited."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import polars as pl
from psycopg.types.json import Json

from core.errors import StoreError
from core.frames import PRODUCT_COLUMNS
from core.store.database import Database, sql
from core.store.stations import get_station


def put_run(
    database: Database,
    station: str,
    *,
    kind: str,
    config_sha256: str,
    code_version: str,
    methods: Mapping[str, str],
    started: datetime,
    product: pl.DataFrame,
) -> int:
    """Store a run with its half-hours (``PRODUCT_COLUMNS``) in one transaction; return its id.

    ``started`` is the time before the inputs were read: fluxes computed since make the run stale.
    """
    run = {
        "station": get_station(database, station).key,
        "kind": kind,
        "config_sha256": config_sha256,
        "code_version": code_version,
        "methods": Json(dict(methods)),
        "started": started,
    }
    with database.transaction() as connection:
        row = connection.execute(sql("put_run"), run).fetchone()
        if row is None:
            raise StoreError(f"a run of {station} could not be stored")
        number = int(row["id"])
        with connection.cursor() as cursor, cursor.copy(sql("copy_product")) as copy:
            for start, *values in product.select(*PRODUCT_COLUMNS).fill_nan(None).iter_rows():
                copy.write_row((start, number, *values))
    return number


def read_product(database: Database, station: str, start: datetime, end: datetime, kind: str) -> pl.DataFrame:
    """Read the newest run's half-hours of [start, end): ``PRODUCT_COLUMNS`` and ``run``."""
    newest = database.row("newest_run", station=get_station(database, station).key, kind=kind)
    rows = database.rows("product", run=newest["id"], start=start, end=end) if newest else []
    number = newest["id"] if newest else None
    _, *names = PRODUCT_COLUMNS
    records = [(row["time"], *(row[name.lower()] for name in names), number) for row in rows]
    return pl.DataFrame(records, schema={**PRODUCT_COLUMNS, "run": pl.Int64}, orient="row")


def stale_seasons(database: Database, seconds: float, kind: str) -> list[str]:
    """Return stations with fluxes newer than their newest run, where that run is older than ``seconds``."""
    return [row["station"] for row in database.rows("stale_seasons", seconds=seconds, kind=kind)]
