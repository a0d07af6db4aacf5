"""What the API's own description says holds: parameters, forms of the answer, methods, routes of other names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import FastAPI, Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import Match, compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import BadQuery, describe, problem_answer
from api.http.address import own_path
from api.http.moved import find_successor

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
FORMS: Mapping[str, tuple[str, ...]] = {
    "json": ("application/json",),
    "geojson": ("application/geo+json",),
    "csv": ("text/csv",),
    "parquet": ("application/vnd.apache.parquet", "application/x-parquet"),
    "arrow": ("application/vnd.apache.arrow.stream",),
    "netcdf": ("application/x-netcdf", "application/netcdf"),
    "fluxnet": ("application/zip",),
    "pdf": ("application/pdf",),
    # several forms are of one media type: these are asked for by name
    **dict.fromkeys(("csv-units", "ameriflux", "icos", "obspack", "toa5"), ()),
}
"""Value of ``format`` -> media types that ask for it in ``Accept``."""
ENDINGS = {**{form: form for form in FORMS}, "nc": "netcdf", "zip": "fluxnet"}
"""Ending of a path -> value of ``format`` that it stands for."""


@dataclass(frozen=True, slots=True)
class Described:
    """A route as the API describes it.

    Attributes
    ----------
    path : pattern
        Of its address.
    parameters : mapping
        Method in lower case -> parameters of the query that it knows.
    forms : tuple of str
        Forms that it can answer in, the default first.
    """

    path: re.Pattern[str]
    parameters: Mapping[str, list[str]]
    forms: tuple[str, ...]


class Contract:
    """ASGI middleware between what was asked and the routes.

    It answers OPTIONS, sends those who ask for an old name to the new one, refuses parameters that a route does not
    describe, and makes an ending (``/fluxes.csv``) or ``Accept`` the parameter ``format``, which wins if it is given.

    Parameters
    ----------
    app : ASGIApp
    described : FastAPI
        Whose description it is.
    """

    def __init__(self, app: ASGIApp, described: FastAPI) -> None:
        self._app, self._described = app, described

    @cached_property
    def _routes(self) -> list[Described]:
        return [_described(path, operations) for path, operations in self._described.openapi()["paths"].items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, as the route wants it, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        root = scope.get("root_path", "")
        path = own_path(scope)
        if scope["method"] == "OPTIONS":
            allowed = list(self._allowed(scope))
            if allowed:
                await Response(status_code=204, headers={"Allow": ", ".join(allowed)})(scope, receive, send)
                return
        else:
            query = scope["query_string"].decode("latin-1")
            answer = find_successor(path, query, root) or self._refuse(scope, path, query, root)
            if answer is not None:
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, _vary_by_form(send) if path.startswith("/api/") else send)

    def _refuse(self, scope: Scope, path: str, query: str, root: str) -> Response | None:
        """Return the answer of a request that no route is to see; ``scope`` gets its ``format`` otherwise."""
        asked = parse_qsl(query, keep_blank_values=True)
        route, ending = self._find(path), None
        if "." in path.rpartition("/")[2]:
            stem, _, end = path.rpartition(".")
            found = self._find(stem)
            if found is not None and ENDINGS.get(end) in found.forms:
                route, ending = found, ENDINGS[end]
                scope["path"] = root + stem
                scope["raw_path"] = scope["path"].encode()
        if route is None:
            return None
        known = route.parameters.get(scope["method"].lower(), [])
        for name, _ in asked:
            if name not in known and scope["method"].lower() in route.parameters:
                return problem_answer(describe(_unknown(name, known), root))
        form = ending or _accepted(Headers(scope=scope).get("accept", ""), route.forms)
        if form is not None and "format" in known and "format" not in dict(asked):
            scope["query_string"] = urlencode([*asked, ("format", form)]).encode()
        return None

    def _find(self, path: str) -> Described | None:
        # where several patterns fit, the first route gets the request; pages are none of ours
        if not path.startswith("/api/"):
            return None
        return next((route for route in self._routes if route.path.match(path)), None)

    def _allowed(self, scope: Scope) -> Iterator[str]:
        routes = self._described.router.routes
        found = [
            method
            for method in METHODS
            if any(route.matches({**scope, "method": method})[0] == Match.FULL for route in routes)
        ]
        if found:
            yield from (*found, *(["HEAD"] if "GET" in found else []), "OPTIONS")


def _described(path: str, operations: Mapping[str, Mapping[str, Any]]) -> Described:
    parameters = {}
    forms: tuple[str, ...] = ()
    for method, operation in operations.items():
        queries = {one["name"]: one["schema"] for one in operation.get("parameters", []) if one["in"] == "query"}
        parameters[method] = list(queries)
        if method == "get":
            types = operation["responses"]["200"].get("content", {})
            by_type = (form for form, names in FORMS.items() if not types.keys().isdisjoint(names))
            forms = tuple(queries.get("format", {}).get("enum", by_type))
    return Described(compile_path(path)[0], parameters, forms)


def _unknown(name: str, known: Sequence[str]) -> BadQuery:
    near = get_close_matches(name, known, 1)
    hint = f"perhaps `{near[0]}` is meant; " if near else ""
    if not known:
        return BadQuery(f"unknown parameter {name[:100]!r}", "leave it out: this route takes none")
    return BadQuery(f"unknown parameter {name[:100]!r}", f"{hint}this route knows: {', '.join(sorted(known))}")


def _accepted(header: str, forms: Sequence[str]) -> str | None:
    """Return the form that ``Accept`` wants most, None where it leaves the choice or wants what there is not."""
    best, weight_of_best = None, 0.0
    for part in header.split(","):
        kind, *details = (word.strip().lower() for word in part.split(";"))
        try:
            weight = next((float(one[2:]) for one in details if one.startswith("q=")), 1.0)
        except ValueError:
            continue
        if kind == "*/*":
            form = forms[0] if forms else None
        else:
            form = next((form for form in forms if kind in FORMS.get(form, ())), None)
        if form is not None and weight > weight_of_best:
            best, weight_of_best = form, weight
    return best


def _vary_by_form(send: Send) -> Send:
    async def send_with_vary(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).add_vary_header("Accept")
        await send(message)

    return send_with_vary
