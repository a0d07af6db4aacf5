"""Bytes to HTTP answers: JSON by orjson, tables as files that a browser saves."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from fastapi import Response

from api.exports.encode import json_bytes
from api.exports.formats import ExportFile


def json_answer(content: object) -> Response:
    """Return JSON; NaN becomes null."""
    return Response(json_bytes(content), media_type="application/json")


def geojson_answer(content: object) -> Response:
    """Return GeoJSON (RFC 7946)."""
    return Response(orjson.dumps(content), media_type="application/geo+json")


def csv_answer(text: str, name: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return CSV that a browser saves under ``name``."""
    return _file(text.encode(), "text/csv; charset=utf-8", name, headers or {})


def export_answer(file: ExportFile, headers: Mapping[str, str] | None = None) -> Response:
    """Return a file of ``api.exports.formats`` that a browser saves under its name."""
    return _file(file.content, file.media_type, file.name, headers or {})


def _file(content: bytes, media_type: str, name: str, headers: Mapping[str, str]) -> Response:
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media_type, headers=disposition | dict(headers))


def file_answer(content: bytes, media_type: str, name: str) -> Response:
    """Return a file that a browser saves under ``name``."""
    return _file(content, media_type, name, {})
