"""The pages: a list of stations, one live page a station, its season runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.deps import StationDep
from api.description import list_operations
from api.http.address import root_of
from api.models import StationOut
from api.principals import PrincipalDep, StoreDep
from api.readable import ReadableStore
from api.routes.runs import RunDep
from api.routes.stations import describe, find_missing, latest_values, list_stations, summarise
from api.web import seasons
from api.web.rendering import render
from core.access import DATA_CLASSES, DataClass
from core.store import RunRow
from core.variables import flux_variable

EXCHANGE_VARIABLES = ("NEE", "RECO", "GPP")  # of a season
RUNS_PER_PAGE = 50

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/")
def stations_page(request: Request, store: StoreDep) -> Response:
    """Show all stations and how they are."""
    return render(request, "stations.html", {"stations": list_stations(store)})


@router.get("/station/{id}")
def station_page(request: Request, row: StationDep, store: StoreDep) -> Response:
    """Show one station live."""
    now = datetime.now(UTC)
    id = row.station.id
    closed = [data_class for data_class in DATA_CLASSES if not store.may_read(id, data_class)]
    latest = store.latest.read(id)
    flux = row.station.flux if "fluxes" not in closed else None
    run = store.runs.read_shown(id) if flux and "products" not in closed else None
    names = (*row.station.flux_columns, *row.station.weather_columns, *EXCHANGE_VARIABLES)
    data = {
        "station": _readable_parts(describe(row, store, latest, now), closed),
        "latest": latest_values(row, latest, now, find_missing(store, row, latest)),
        "variables": {name: _words_of(name) for name in names} if flux else {},
        "run": run and _run_for_scripts(run),
    }
    shown = {
        **_run_for_templates(store, run),
        "failures": store.attempts.read_failures(id) if "products" not in closed else [],
        "newer": store.runs.read_newer_provisional(run),
        "closed": closed,
        "has_air": row.station.mole_fraction is not None and "products" not in closed,
    }
    return render(request, "station.html", data, shown=shown, offset=row.station.station.utc_offset)


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
    return render(request, "runs.html", data, shown=shown, offset=row.station.station.utc_offset)


@router.get("/runs/{run}")
def run_page(request: Request, found: RunDep, store: StoreDep) -> Response:
    """Show what a season run was made of and what was done, its figures and downloads."""
    row = store.stations.read(found.station)
    data = {
        "station": summarise(row, [], datetime.now(UTC)),
        "variables": {name: _words_of(name) for name in EXCHANGE_VARIABLES},
        "run": _run_for_scripts(found),
    }
    return render(
        request, "run.html", data, shown=_run_for_templates(store, found), offset=row.station.station.utc_offset
    )


def _readable_parts(station: StationOut, closed: Sequence[DataClass]) -> StationOut:
    """Return a station of which scripts ask for nothing that would be denied."""
    kinds = {"block": "raw", "reading": "readings"}
    streams = [one for one in station.streams if kinds[one.kind] not in closed]
    flux_stream = station.flux_stream if "fluxes" not in closed else None
    return station.model_copy(update={"streams": streams, "flux_stream": flux_stream})


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


def _run_for_templates(store: ReadableStore, run: RunRow | None) -> dict[str, object]:
    """Return what the templates tell of a run."""
    if run is None:
        return {"season": None}
    return {
        "season": run,
        "period": seasons.period_of(run),
        "sums": seasons.sums_of(run),
        "thresholds": seasons.thresholds_of(run),
        "range_of_thresholds": store.runs.read_threshold_range(run),
        "e0": run.provenance.get("E0"),
        "inputs": seasons.inputs_of(run),
        "downloads": seasons.downloads_of(run),
        "not_done": run.provenance.get("not_done", {}),
        "problems": run.provenance.get("problems", []),
        "notes": run.provenance.get("notes", []),
        "words_of": lambda name: _words_of(name.split("_")[0]),
    }


@router.get("/api/v1/docs")
def docs_page(request: Request, _: PrincipalDep) -> Response:
    """Show what the API's own description says, without scripts of others."""
    app: FastAPI = request.app
    shown = {"version": app.version, "about": app.description, "operations": list(list_operations(app.openapi()))}
    return render(request, "docs.html", {}, shown=shown)


@router.get("/favicon.ico")
def favicon(request: Request) -> Response:
    """Send old browsers to the icon."""
    return RedirectResponse(f"{root_of(request)}/static/favicon.svg", 301)


def error_page(request: Request, status: int, content: Mapping[str, object]) -> Response:
    """Tell a person what went wrong and what to do."""
    return render(request, "error.html", content, status)


def _words_of(name: str) -> dict[str, str]:
    facts = flux_variable(name)
    return {"unit": facts.unit, "en": facts.en, "zh": facts.zh}
