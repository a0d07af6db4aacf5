"""Compressed answers: zstd where the reader takes it, else gzip."""

from __future__ import annotations

import asyncio

import zstandard
from starlette.datastructures import Headers
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware, IdentityResponder
from starlette.types import ASGIApp, Receive, Scope, Send

from api.exports.formats import COMPACT_TYPES

MINIMUM_BYTES = 1000
ZSTD_LEVEL = 3
GZIP_LEVEL = 5
LARGE_BYTES = 128 * 1024
"""What is larger is compressed in a thread, so that nobody else waits for it."""
COMPRESSED_TYPES = (*DEFAULT_EXCLUDED_CONTENT_TYPES, *COMPACT_TYPES)


class Compression:
    """ASGI middleware that compresses answers as ``Accept-Encoding`` allows."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._gzip = GZipMiddleware(app, MINIMUM_BYTES, GZIP_LEVEL, exclude_content_types=COMPRESSED_TYPES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and compress its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif _takes(Headers(scope=scope).get("accept-encoding", ""), "zstd"):
            responder = _Zstd(self._app, MINIMUM_BYTES, exclude_content_types=COMPRESSED_TYPES)
            await responder(scope, receive, send)
        else:
            await self._gzip(scope, receive, send)


class _Zstd(IdentityResponder):
    content_encoding = "zstd"

    def __init__(self, app: ASGIApp, minimum_size: int, *, exclude_content_types: tuple[str, ...]) -> None:
        super().__init__(app, minimum_size, exclude_content_types=exclude_content_types)
        self._compressor = zstandard.ZstdCompressor(ZSTD_LEVEL).compressobj()

    async def apply_compression(self, body: bytes, *, more_body: bool) -> bytes:
        if len(body) >= LARGE_BYTES:
            return await asyncio.to_thread(self._compress, body, more_body)
        return self._compress(body, more_body)

    def _compress(self, body: bytes, more_body: bool) -> bytes:
        end = zstandard.COMPRESSOBJ_FLUSH_BLOCK if more_body else zstandard.COMPRESSOBJ_FLUSH_FINISH
        return self._compressor.compress(body) + self._compressor.flush(end)


def _takes(accepted: str, coding: str) -> bool:
    """Whether ``Accept-Encoding`` names a coding, and not with ``q=0``."""
    for part in accepted.split(","):
        name, _, weight = part.strip().partition(";")
        if name.strip().lower() == coding:
            return weight.replace(" ", "").lower() not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
