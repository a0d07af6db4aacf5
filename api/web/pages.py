"""The pages: a list of stations, one live page a station, its season runs."""

from __future__ import annotations

from collections.abc import Mapping
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
from api.routes.runs import RunDep
from api.routes.stations import describe, latest_values, stations, summarise
from api.web import seasons, words
from core.store import ON_DEMAND, PROVISIONAL, RunRow, Store
from core.timeliness import LATE_STEPS, SILENT_STEPS
from core.variables import flux_variable

FOLDER = Path(__file__).parent
KEPT_PARAMETERS = ("lang", "tz", "theme")  # what a link to another page takes along
THEMES = ("auto", "light", "dark")
EXCHANGE_VARIABLES = ("NEE", "RECO", "GPP")  # of a season
RUNS_PER_PAGE = 50
LIMITS = {"late": LATE_STEPS, "silent": SILENT_STEPS}  # of a message's age, in steps of its stream

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/")
def stations_page(request: Request, store: StoreDep) -> Response:
    """Show all stations and how they are."""
    return _render(request, "stations.html", {"stations": stations(store)})


@router.get("/station/{id}")
def station_page(request: Request, row: StationDep, store: StoreDep) -> Response:
    """Show one station live."""
    now = datetime.now(UTC)
    latest = store.latest.read(row.station.id)
    flux = row.station.flux
    run = _newest_run(store, row.station.id) if flux else None
    names = (*row.station.flux_columns, *row.station.weather_columns, *EXCHANGE_VARIABLES)
    data = {
        "station": describe(row, latest, store.fluxes.read_span(row.station.id), now),
        "latest": latest_values(row, latest, now),
        "variables": {name: _words_of(name) for name in names} if flux else {},
        "run": run and _run_for_scripts(run),
    }
    shown = {
        **_run_for_templates(run),
        "failures": store.attempts.read_failures(row.station.id),
        "newer": _newer_provisional(store, row.station.id, run),
    }
    return _render(request, "station.html", data, shown=shown, offset=row.station.station.utc_offset)


@router.get("/station/{id}/runs")
def runs_page(request: Request, row: StationDep, store: StoreDep, before: int | None = None) -> Response:
    """List a station's season runs."""
    found = store.runs.find(row.station.id, limit=RUNS_PER_PAGE, below=before)
    shown = {
        "runs": [(run, seasons.period_of(run), seasons.exchange_of(run)) for run in found],
        "failures": store.attempts.read_failures(row.station.id),
        "older": found[-1].id if len(found) == RUNS_PER_PAGE else None,
    }
    data = {"station": summarise(row, [], datetime.now(UTC))}
    return _render(request, "runs.html", data, shown=shown, offset=row.station.station.utc_offset)


@router.get("/runs/{run}")
def run_page(request: Request, found: RunDep, store: StoreDep) -> Response:
    """Show what a season run was made of and what was done, its figures and downloads."""
    row = store.stations.read(found.station)
    data = {
        "station": summarise(row, [], datetime.now(UTC)),
        "variables": {name: _words_of(name) for name in EXCHANGE_VARIABLES},
        "run": _run_for_scripts(found),
    }
    return _render(request, "run.html", data, shown=_run_for_templates(found), offset=row.station.station.utc_offset)


def _newest_run(store: Store, station: str) -> RunRow | None:
    """Return the newest run that somebody asked for and kept, without one that of the running season."""
    return store.runs.read_newest(station, ON_DEMAND) or store.runs.read_newest(station, PROVISIONAL)


def _newer_provisional(store: Store, station: str, shown: RunRow | None) -> RunRow | None:
    """Return the provisional run if it is newer than the run that is shown."""
    if shown is None or shown.kind == PROVISIONAL:
        return None
    provisional = store.runs.read_newest(station, PROVISIONAL)
    return provisional if provisional and provisional.finished > shown.finished else None


def _run_for_scripts(run: RunRow) -> dict[str, object]:
    """Return what the scripts draw of a run beside its half-hours."""
    provenance = run.provenance
    return {
        "id": run.id,
        "kind": run.kind,
        "period": seasons.period_of(run),
        "course": provenance.get("course"),
        "not_done": provenance.get("not_done", {}),
    }


def _run_for_templates(run: RunRow | None) -> dict[str, object]:
    """Return what the templates tell of a run."""
    if run is None:
        return {"season": None}
    return {
        "season": run,
        "period": seasons.period_of(run),
        "sums": seasons.sums_of(run),
        "thresholds": seasons.thresholds_of(run),
        "range_of_thresholds": seasons.range_of_thresholds(run),
        "e0": run.provenance.get("E0"),
        "inputs": seasons.inputs_of(run),
        "downloads": seasons.downloads_of(run),
        "not_done": run.provenance.get("not_done", {}),
        "problems": run.provenance.get("problems", []),
        "notes": run.provenance.get("notes", []),
        "words_of": lambda name: _words_of(name.split("_")[0]),
    }


@router.get("/favicon.ico")
def favicon() -> Response:
    """Send old browsers to the icon."""
    return RedirectResponse("/static/favicon.svg", 301)


def error_page(request: Request, status: int, content: dict[str, str]) -> Response:
    """Tell a person what went wrong and what to do."""
    return _render(request, "error.html", {"status": status, **content}, status)


def _render(
    request: Request,
    template: str,
    data: Mapping[str, object],
    status: int = 200,
    *,
    shown: Mapping[str, object] | None = None,
    offset: float = 0.0,
) -> Response:
    """Return a page; ``data`` goes to its template and its scripts, ``shown`` to the template alone.

    ``offset`` is the one of local standard time. [h]
    """
    query = request.query_params
    language = words.choose_language(query.get("lang"), request.headers.get("accept-language"))
    state = {
        "lang": language,
        "tz": "utc" if query.get("tz") == "utc" else "local",
        "theme": query["theme"] if query.get("theme") in THEMES else "auto",
    }
    kept = "&".join(f"{name}={state[name]}" for name in KEPT_PARAMETERS if name in query)
    page = _environment(language).get_template(template)
    html = page.render(
        **data,
        **(shown or {}),
        state=state,
        clock=seasons.PageClock(state["tz"], offset),
        kept=f"?{kept}" if kept else "",
        languages=words.LANGUAGES,
        limits=LIMITS,
        page=_data_block({**data, "state": state, "limits": LIMITS, "messages": words.script_messages(language)}),
        switch=lambda **change: str(request.url.include_query_params(**change).query),
    )
    headers = {"Content-Language": language, "Vary": "Accept-Language", "Cache-Control": "no-cache"}
    return HTMLResponse(html, status, headers)


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.filters.update(number=seasons.number_text, unit=seasons.unit_text)
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
