"""Which error becomes which HTTP status, and how its body looks: problem details as of RFC 9457.

``error`` is an extension: the name of the type, which is all that there was before, so that old clients go on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from api.http.address import own_path, root_of
from core.errors import (
    ConfigError,
    ExportError,
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
    """HTTP status of an error, what it is in a few words, and what the reader can do."""

    status: int
    title: str
    remedy: str | None = None


SERVER_ERROR = "Something went wrong on the server"


ANSWERS: dict[type[Exception], Answer] = {
    UnknownStation: Answer(404, "No such station", "GET /api/v1/stations lists the registered stations"),
    UnknownStream: Answer(404, "No such stream or channel", "GET /api/v1/stations/{id} lists streams and channels"),
    UnknownRun: Answer(404, "No such season run", "GET /api/v1/stations/{id}/runs lists a station's season runs"),
    UnknownRelease: Answer(404, "No such release", "GET /api/v1/releases lists the releases"),
    UnknownFile: Answer(404, "No such file of a release", "GET /api/v1/releases/{name} lists the files"),
    UnknownVariable: Answer(404, "No such variable", "GET /api/v1/stations/{id} lists the variables"),
    BadQuery: Answer(422, "A parameter that cannot be used"),
    ReviewError: Answer(
        422, "A review that cannot be signed", "GET /api/v1/stations/{id}/reviews shows how far each month is"
    ),
    ReleaseError: Answer(422, "A release that cannot be made", "GET /api/v1/runs/{run} shows the run"),
    Withdrawn: Answer(410, "A release that was withdrawn", "GET /api/v1/releases/{name} says why"),
    FileAway: Answer(
        503,
        "A file of a release is not where it should be",
        "try again later; `fluxtower release check` shows whoever runs the platform what is missing",
    ),
    ExportError: Answer(422, "A file that cannot be made", "ask for another `format`; /api/v1/docs lists them"),
    AccessDenied: Answer(403, "Not for who asks"),
    NotAuthenticated: Answer(
        401, "A key or password that is not right", "ask for another key, or send none to read what is public"
    ),
    TooManyRequests: Answer(
        429, "Too many requests", "wait a minute; ask for longer periods at once, or listen to the live stream"
    ),
    StoreUnavailable: Answer(
        503, "The database cannot be reached", "try again in some seconds; `fluxtower status` shows the database"
    ),
    StoreError: Answer(500, "The database refused", "the log of the API says more"),
    ConfigError: Answer(
        500, "A configuration that cannot be used", "correct the named key and register the station again"
    ),
    FluxTowerError: Answer(500, SERVER_ERROR, "the log of the API says more"),
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
        return ANSWERS[AccessDenied]._replace(status=401)
    return next((ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS), Answer(500, SERVER_ERROR))


PROBLEM_TYPE = "application/problem+json"
PROBLEMS = "/api/v1/problems"
"""Route that lists the types of problems."""
NOT_FOUND = "GET /api/v1/openapi.json lists what there is"


def problem(error: str, answer: Answer, detail: str, root: str) -> dict[str, object]:
    """Return the body of an error: problem details with the extensions ``remedy`` and ``error``.

    Parameters
    ----------
    error : str
        Name of its type.
    answer : Answer
    detail : str
        What is wrong with this request.
    root : str
        Path under which the platform is published, empty without one.
    """
    said = {"type": f"{root}{PROBLEMS}#{error}", "title": answer.title, "status": answer.status, "detail": detail}
    return said | ({"remedy": answer.remedy} if answer.remedy else {}) | {"error": error}


def problem_answer(content: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer of an error to a program."""
    status = content["status"]
    assert isinstance(status, int)
    return JSONResponse(content, status, headers, PROBLEM_TYPE)


def describe(error: FluxTowerError, root: str) -> dict[str, object]:
    """Return the body of an error of ours."""
    return problem(type(error).__name__, _with_remedy(error), str(error), root)


def _with_remedy(error: Exception) -> Answer:
    answer = answer_to(error)
    return answer._replace(remedy=getattr(error, "remedy", None) or answer.remedy)


def install(app: FastAPI, page: Callable[[Request, int, Mapping[str, object]], Response]) -> None:
    """Make every error answer with the same body: problem details under ``/api``, a page elsewhere.

    An unforeseen exception is left to the server: it is logged with its trace and answered with a bare 500.

    Parameters
    ----------
    app : FastAPI
        Whose errors.
    page : callable
        (request, status, body) -> the page that tells a person.
    """

    def respond(request: Request, content: dict[str, object], headers: Mapping[str, str] | None) -> Response:
        if own_path(request.scope).startswith(("/api/", "/health", "/static/")):
            return problem_answer(content, headers)
        status = content["status"]
        assert isinstance(status, int)
        response = page(request, status, content)
        response.headers.update(headers or {})
        return response

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, FluxTowerError)
        content = describe(error, root_of(request))
        if content["status"] == 500:
            log.error("%s %s: %s", request.method, request.url.path, error, exc_info=error)
        return respond(request, content, HEADERS.get(answer_to(error).status))

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return respond(request, _describe_invalid(error, root_of(request)), None)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        remedy = NOT_FOUND if error.status_code == 404 else None
        answer = Answer(error.status_code, HTTPStatus(error.status_code).phrase, remedy)
        content = problem("HTTPError", answer, f"{own_path(request.scope)}: {error.detail}", root_of(request))
        return respond(request, content, error.headers)

    app.add_exception_handler(FluxTowerError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


def _describe_invalid(error: RequestValidationError, root: str) -> dict[str, object]:
    first = error.errors()[0]
    name = str(first["loc"][-1])
    remedy = first.get("ctx", {}).get("expected")
    if name in ("from", "to"):
        remedy = "a date (2026-07-01: midnight UTC), or an ISO time with its offset (2026-07-01T08:00:00+08:00)"
    answer = ANSWERS[BadQuery]._replace(remedy=f"give {remedy}" if remedy else None)
    return problem("BadQuery", answer, f"{name}: {first['msg']}, got {first.get('input')!r}", root)
