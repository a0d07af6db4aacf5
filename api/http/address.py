"""Addresses behind a reverse proxy: a path has the prefix of the public address, even if the proxy took it off."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send


class Prefixed:
    """ASGI middleware that gives a request the path that its reader sees.

    Some proxies pass the prefix on (nginx' ``proxy_pass`` without a path, Caddy's ``handle``), others take it off
    (``proxy_pass`` with one, ``handle_path``); behind this it is always there.

    Parameters
    ----------
    app : ASGIApp
    root : str
        The prefix, empty without one.
    """

    def __init__(self, app: ASGIApp, root: str) -> None:
        self._app, self._root = app, root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its whole path."""
        if scope["type"] == "http" and self._root:
            scope["root_path"] = self._root
            if not f"{scope['path']}/".startswith(f"{self._root}/"):
                scope["path"] = self._root + scope["path"]
                scope["raw_path"] = self._root.encode() + (scope.get("raw_path") or b"")
        await self._app(scope, receive, send)


def root_of(request: HTTPConnection) -> str:
    """Return the prefix of the public address, empty without one."""
    root: str = request.scope.get("root_path", "")
    return root


def own_path(scope: Scope) -> str:
    """Return the path of a request without the prefix of the public address."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", "")) or "/"
