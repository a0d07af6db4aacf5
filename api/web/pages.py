"""The pages: a list of stations, and one live page a station."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from pydantic import BaseModel

from api.deps import StationDep, StoreDep
from api.routes.stations import describe, latest_values, stations
from api.web import words
from core.variables import flux_variable

HERE = Path(__file__).parent
KEPT = ("lang", "tz", "theme")  # what a link to another page takes along
THEMES = ("auto", "light", "dark")

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/")
def stations_page(request: Request, store: StoreDep) -> Response:
    """Show all stations and how they are."""
    return _render(request, "stations.html", {"stations": stations(store)})


@router.get("/station/{id}")
def station_page(request: Request, row: StationDep, store: StoreDep) -> Response:
    """Show one station live."""
    now = datetime.now(UTC)
    latest = store.latest(row.station.id)
    flux_words = {name: _words_of(name) for name in (*row.station.flux_columns, "NEE")}
    data = {
        "station": describe(row, latest, store.flux_span(row.station.id), now),
        "latest": latest_values(row, latest, now),
        "variables": flux_words if row.station.flux else {},
    }
    return _render(request, "station.html", data)


@router.get("/favicon.ico")
def favicon() -> Response:
    """Send old browsers to the icon."""
    return RedirectResponse("/static/favicon.svg", 301)


def error_page(request: Request, status: int, content: dict[str, str]) -> Response:
    """Tell a person what went wrong and what to do."""
    return _render(request, "error.html", {"status": status, **content}, status)


def _render(request: Request, template: str, data: dict[str, object], status: int = 200) -> Response:
    query = request.query_params
    language = words.choose_language(query.get("lang"), request.headers.get("accept-language"))
    state = {
        "lang": language,
        "tz": "utc" if query.get("tz") == "utc" else "local",
        "theme": query["theme"] if query.get("theme") in THEMES else "auto",
    }
    kept = "&".join(f"{name}={state[name]}" for name in KEPT if name in query)
    page = _environment(language).get_template(template)
    html = page.render(
        **data,
        state=state,
        kept=f"?{kept}" if kept else "",
        languages=words.LANGUAGES,
        page=_data_block({**data, "state": state, "messages": words.script_messages(language)}),
        switch=lambda **change: str(request.url.include_query_params(**change).query),
    )
    headers = {"Content-Language": language, "Vary": "Accept-Language", "Cache-Control": "no-cache"}
    return HTMLResponse(html, status, headers)


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(words.translations(language), newstyle=True)  # type: ignore[attr-defined]
    return environment


def _data_block(data: dict[str, object]) -> Markup:
    """Return data for a script element: ``<`` escaped, so that no text in it can end the element."""
    text = orjson.dumps(data, default=_plain).decode().replace("<", "\\u003c")
    return Markup(text)


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(type(value).__name__)


def _words_of(name: str) -> dict[str, str]:
    facts = flux_variable(name)
    return {"unit": facts.unit, "en": facts.en, "zh": facts.zh}
