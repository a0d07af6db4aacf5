"""Objects as JSON and tables as Parquet, in bytes; what a downloaded file is called."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from datetime import datetime
from io import BytesIO

import orjson
import polars as pl

from core.clock import local_standard


def json_bytes(content: object) -> bytes:
    """Return JSON; NaN becomes null, a time UTC with ``Z``."""
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z)


def parquet_bytes(table: pl.DataFrame, metadata: Mapping[str, str]) -> bytes:
    """Return a table as Parquet; ``metadata`` stands in the file."""
    content = BytesIO()
    with warnings.catch_warnings():
        # polars calls metadata of files unstable
        warnings.simplefilter("ignore")
        table.write_parquet(content, metadata=dict(metadata))
    return content.getvalue()


def file_name(
    station: str, what: str, start: datetime, end: datetime, utc_offset: float, extension: str = "csv"
) -> str:
    """Return e.g. ``us-orchard_fluxes_201206071300-201206071330.csv``, stamps in local standard time."""
    first, last = (local_standard(time, utc_offset).strftime("%Y%m%d%H%M") for time in (start, end))
    return f"{station}_{what}_{first}-{last}.{extension}"
