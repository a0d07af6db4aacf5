"""Bytes to HTTP answers: JSON by orjson, CSV as a named file, an ETag so that nothing is sent twice."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from datetime import datetime
from io import BytesIO

import orjson
import polars as pl
from fastapi import Request, Response

from core.clock import local_standard


def json_answer(request: Request, content: object) -> Response:
    """Return JSON; NaN becomes null."""
    return _answer(
        request, orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z), "application/json", {}
    )


def geojson_answer(request: Request, content: object) -> Response:
    """Return GeoJSON (RFC 7946)."""
    return _answer(request, orjson.dumps(content), "application/geo+json", {})


def csv_answer(request: Request, text: str, name: str, headers: dict[str, str] | None = None) -> Response:
    """Return CSV that a browser saves under ``name``."""
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return _answer(request, text.encode(), "text/csv; charset=utf-8", disposition | (headers or {}))


def parquet_answer(
    request: Request, table: pl.DataFrame, name: str, metadata: Mapping[str, str], headers: dict[str, str]
) -> Response:
    """Return Parquet that a browser saves under ``name``; ``metadata`` stands in the file."""
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    content = BytesIO()
    with warnings.catch_warnings():
        # polars calls metadata of files unstable
        warnings.simplefilter("ignore")
        table.write_parquet(content, metadata=dict(metadata))
    return _answer(request, content.getvalue(), "application/vnd.apache.parquet", disposition | headers)


def json_text(content: object) -> str:
    """Return JSON as text; NaN becomes null."""
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z).decode()


def file_name(
    station: str, what: str, start: datetime, end: datetime, utc_offset: float, extension: str = "csv"
) -> str:
    """Return e.g. ``us-orchard_fluxes_201206071300-201206071330.csv``, stamps in local standard time."""
    first, last = (local_standard(time, utc_offset).strftime("%Y%m%d%H%M") for time in (start, end))
    return f"{station}_{what}_{first}-{last}.{extension}"


def _answer(request: Request, content: bytes, media_type: str, headers: dict[str, str]) -> Response:
    tag = f'W/"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", **headers}
    known = request.headers.get("if-none-match", "")
    if tag in (part.strip() for part in known.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)
