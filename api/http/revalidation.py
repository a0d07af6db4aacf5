"""Nothing is sent twice, nothing private is kept by others; HEAD is GET without its body."""

from __future__ import annotations

import hashlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.address import own_path
from core.access import ANONYMOUS

PUBLIC, PRIVATE = "no-cache", "private, no-cache"
VARY = ("Authorization", "Cookie", "X-API-Key")
"""What an answer under ``/api`` hangs on beside its address."""


class Revalidation:
    """ASGI middleware that gives answers under ``/api`` an ETag, and answers 304 to who has them already.

    Every answer is asked for again each time (``no-cache``), because data change and access ends; what is read with a
    key or a login is kept by nobody but its reader (``private``). Answers that are streamed have no ETag.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; hold the head of its answer back until the body is known."""
        if scope["type"] != "http" or not own_path(scope).startswith("/api/"):
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        known = _tags(Headers(scope=scope).get("if-none-match", ""))
        held: Message | None = None

        async def send_with_tag(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start":
                held = message
                return
            if held is not None and message["type"] == "http.response.body":
                start, held = held, None
                headers = MutableHeaders(scope=start)
                is_public = state.get("principal", ANONYMOUS) is ANONYMOUS
                headers.setdefault("Cache-Control", PUBLIC if is_public else PRIVATE)
                for name in VARY:
                    headers.add_vary_header(name)
                if start["status"] == 200 and scope["method"] == "GET" and not message.get("more_body", False):
                    headers.setdefault("ETag", _tag(message.get("body", b"")))
                    if headers["ETag"].removeprefix("W/") in known:
                        start["status"] = 304
                        for name in ("Content-Length", "Content-Type", "Content-Disposition"):
                            del headers[name]
                        message = {**message, "body": b""}
                await send(start)
            await send(message)

        await self._app(scope, receive, send_with_tag)


class HeadOfGet:
    """ASGI middleware that answers HEAD with what GET would say before its body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass HEAD on as GET; a stream that would never end is ended after its head."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        is_answered = False

        async def send_head(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                is_answered = True

        async def receive_end() -> Message:
            return {"type": "http.disconnect"} if is_answered else await receive()

        await self._app({**scope, "method": "GET"}, receive_end, send_head)


def _tag(body: bytes) -> str:
    # weak: the same answer may be compressed in several ways
    return f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def _tags(header: str) -> set[str]:
    return {part.strip().removeprefix("W/") for part in header.split(",") if part.strip()}
