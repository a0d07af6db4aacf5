"""Which error becomes which HTTP status, and how its body looks: ``{error, detail, remedy?}``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import NamedTuple

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from core.errors import (
    ConfigError,
    FluxTowerError,
    ReleaseError,
    ReviewError,
    StoreError,
    StoreUnavailable,
    UnknownRelease,
    UnknownRun,
    UnknownStation,
    UnknownVariable,
)

log = logging.getLogger(__name__)


class UnknownStream(FluxTowerError):
    """The station has no stream (or no channel) of that name, or none of that kind."""

    def __init__(self, station: str, wanted: str, known: list[str]) -> None:
        self.station, self.wanted, self.known = station, wanted, known
        super().__init__(f"{station} has no {wanted}; it has: {', '.join(known) or 'none'}")


class BadQuery(FluxTowerError):
    """A parameter that can be read but not used; says what to ask for instead."""

    def __init__(self, detail: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(detail)


class AccessDenied(FluxTowerError):
    """What is asked for is there, and not for who asks."""

    def __init__(self, detail: str, *, is_anonymous: bool) -> None:
        self.is_anonymous = is_anonymous
        self.remedy = (
            "log in, or send an API key: `Authorization: Bearer ftk_...`"
            if is_anonymous
            else "ask those who run the station for access"
        )
        super().__init__(detail)


class NotAuthenticated(FluxTowerError):
    """An API key that is unknown, expired or revoked, or a wrong password."""


class UnknownFile(FluxTowerError):
    """The release has no file of that name."""

    def __init__(self, release: str, file: str, known: list[str]) -> None:
        self.release, self.file = release, file
        super().__init__(f"{release} has no file {file!r}; it has: {', '.join(known)}")


class Withdrawn(FluxTowerError):
    """A file of a release that was withdrawn."""

    def __init__(self, detail: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(detail)


class FileAway(FluxTowerError):
    """A file of a release that is not where it was written."""


class TooManyRequests(FluxTowerError):
    """Somebody asks too often."""


class Answer(NamedTuple):
    """HTTP status of an error, and what the reader can do."""

    status: int
    remedy: str | None = None


ANSWERS: dict[type[Exception], Answer] = {
    UnknownStation: Answer(404, "GET /api/v1/stations lists the registered stations"),
    UnknownStream: Answer(404, "GET /api/v1/stations/{id} lists streams and channels"),
    UnknownRun: Answer(404, "GET /api/v1/stations/{id}/runs lists a station's season runs"),
    UnknownRelease: Answer(404, "GET /api/v1/releases lists the releases"),
    UnknownFile: Answer(404, "GET /api/v1/releases/{name} lists the files"),
    UnknownVariable: Answer(404, "GET /api/v1/stations/{id} lists the variables"),
    BadQuery: Answer(422),
    ReviewError: Answer(422),
    ReleaseError: Answer(422),
    Withdrawn: Answer(410),
    FileAway: Answer(503, "try again later; `fluxtower release check` shows whoever runs the platform what is missing"),
    AccessDenied: Answer(403),
    NotAuthenticated: Answer(401, "ask for another key, or send none to read what is public"),
    TooManyRequests: Answer(429, "wait a minute; ask for longer periods at once, or listen to the live stream"),
    StoreUnavailable: Answer(503, "try again in some seconds; `fluxtower status` shows the database"),
    StoreError: Answer(500, "the log of the API says more"),
    ConfigError: Answer(500, "correct the named key and register the station again"),
    FluxTowerError: Answer(500, "the log of the API says more"),
}


HEADERS: Mapping[int, Mapping[str, str]] = {
    401: {"WWW-Authenticate": 'Bearer realm="fluxtower"'},
    429: {"Retry-After": "60"},
    503: {"Retry-After": "5"},
}
"""Of errors, by status."""


def answer_to(error: Exception) -> Answer:
    """Return the answer of the nearest class that ``ANSWERS`` names; anything else is a 500."""
    if isinstance(error, AccessDenied) and error.is_anonymous:
        return Answer(401)
    return next((ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS), Answer(500))


def body(error: str, detail: str, remedy: str | None) -> dict[str, str]:
    """Return the body of an error."""
    return {"error": error, "detail": detail} | ({"remedy": remedy} if remedy else {})


def install(app: FastAPI, page: Callable[[Request, int, dict[str, str]], Response]) -> None:
    """Make every error answer with the same body: JSON under ``/api``, a page elsewhere.

    An unforeseen exception is left to the server: it is logged with its trace and answered with a bare 500.

    Parameters
    ----------
    app : FastAPI
        Whose errors.
    page : callable
        (request, status, body) -> the page that tells a person.
    """

    def respond(request: Request, status: int, content: dict[str, str], headers: Mapping[str, str] | None) -> Response:
        if request.url.path.startswith(("/api/", "/health", "/static/")):
            return JSONResponse(content, status, headers)
        response = page(request, status, content)
        response.headers.update(headers or {})
        return response

    async def ours(request: Request, error: Exception) -> Response:
        status, remedy = answer_to(error)
        if status == 500:
            log.error("%s %s: %s", request.method, request.url.path, error, exc_info=error)
        headers = HEADERS.get(status)
        remedy = getattr(error, "remedy", None) or remedy
        return respond(request, status, body(type(error).__name__, str(error), remedy), headers)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return respond(request, 422, _describe_invalid(error), None)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        remedy = "GET /api/v1/openapi.json lists what there is" if error.status_code == 404 else None
        content = body("HTTPError", f"{request.url.path}: {error.detail}", remedy)
        return respond(request, error.status_code, content, error.headers)

    app.add_exception_handler(FluxTowerError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


def _describe_invalid(error: RequestValidationError) -> dict[str, str]:
    first = error.errors()[0]
    name = str(first["loc"][-1])
    remedy = None
    if name in ("from", "to"):
        remedy = "an ISO time with its offset, such as 2026-07-01T00:00:00Z or 2026-07-01T08:00:00%2B08:00"
    return body("BadQuery", f"{name}: {first['msg']}, got {first.get('input')!r}", remedy)
