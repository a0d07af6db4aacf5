"""Bytes to HTTP answers: JSON by orjson, CSV as a named file, an ETag so that nothing is sent twice."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import orjson
from fastapi import Request, Response

from api.exports.encode import json_bytes
from api.exports.formats import ExportFile


def json_answer(request: Request, content: object) -> Response:
    """Return JSON; NaN becomes null."""
    return _answer(request, json_bytes(content), "application/json", {})


def geojson_answer(request: Request, content: object) -> Response:
    """Return GeoJSON (RFC 7946)."""
    return _answer(request, orjson.dumps(content), "application/geo+json", {})


def csv_answer(request: Request, text: str, name: str, headers: dict[str, str] | None = None) -> Response:
    """Return CSV that a browser saves under ``name``."""
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return _answer(request, text.encode(), "text/csv; charset=utf-8", disposition | (headers or {}))


def export_answer(file: ExportFile, headers: Mapping[str, str] | None = None) -> Response:
    """Return a file of ``api.exports.formats`` that a browser saves under its name."""
    disposition = {"Content-Disposition": f'attachment; filename="{file.name}"'}
    return Response(file.content, media_type=file.media_type, headers=disposition | dict(headers or {}))


def file_answer(request: Request, content: bytes, media_type: str, name: str) -> Response:
    """Return a file that a browser saves under ``name``."""
    return _answer(request, content, media_type, {"Content-Disposition": f'attachment; filename="{name}"'})


def _answer(request: Request, content: bytes, media_type: str, headers: dict[str, str]) -> Response:
    tag = f'W/"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", **headers}
    known = request.headers.get("if-none-match", "")
    if tag in (part.strip() for part in known.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)
