"""Season runs: what was made when, of what, by which methods; none is ever edited."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api.deps import From, StationDep, To, next_page
from api.models import RunDetailOut, RunOut, RunsOut, SeasonFailureOut
from api.principals import StoreDep
from api.routes.product import PRODUCT_RESPONSES, SeasonFormat, Series, answer_product, run_period
from core.store import RunRow

router = APIRouter(tags=["seasons"])

MAX_RUNS = 1000


def _run(store: StoreDep, run: Annotated[int, Path(description="number of the run", examples=[12], ge=1)]) -> RunRow:
    return store.runs.read(run)


RunDep = Annotated[RunRow, Depends(_run)]


@router.get("/stations/{id}/runs", summary="Season runs of a station, newest first")
def runs(
    request: Request,
    response: Response,
    row: StationDep,
    store: StoreDep,
    kind: Annotated[str | None, Query(description="Only of this kind: provisional or season.")] = None,
    limit: Annotated[int, Query(description="How many at most.", ge=1, le=MAX_RUNS)] = 100,
    before: Annotated[int | None, Query(description="Only runs with a smaller number: the next page.")] = None,
) -> RunsOut:
    """Return a station's season runs.

    ``provisional`` runs are made daily of the running season, ``season`` runs on demand; a run is never edited.
    """
    found = store.runs.find(row.station.id, kind=kind, limit=limit + 1, below=before)
    further = None
    if len(found) > limit:
        found = found[:limit]
        further = next_page(request, response, before=found[-1].id)
    failures = [
        SeasonFailureOut(attempts=one.attempts, tried=one.tried, reason=one.reason)
        for one in store.attempts.read_failures(row.station.id)
    ]
    listed = [RunOut.model_validate(summarise_run(run)) for run in found]
    return RunsOut(station=row.station.id, failure=next(iter(failures), None), runs=listed, next=further)


@router.get(
    "/runs/{run}",
    summary="A season run: inputs, methods, thresholds, sums, what was not done",
    response_model_exclude_unset=True,
)
def run(found: RunDep) -> RunDetailOut:
    """Return what a run was made of and what was done."""
    return RunDetailOut.model_validate({**summarise_run(found), "provenance": found.provenance})


@router.get(
    "/runs/{run}/product", summary="The half-hours of a season run", response_model=None, responses=PRODUCT_RESPONSES
)
def run_product(
    found: RunDep,
    store: StoreDep,
    start: From = None,
    end: To = None,
    variables: Series = None,
    form: SeasonFormat = "json",
) -> Response:
    """Return a run's half-hours of [from, to), by default all of them; columns as of the station's product.

    A run made on demand has further series (``units`` lists them): every percentile and intermediate of its season.
    """
    row = store.stations.read(found.station)
    return answer_product(store, row, found, found.kind, run_period(found, start, end), variables, form)


def summarise_run(run: RunRow) -> dict[str, object]:
    """Return a run without its provenance."""
    names = ("id", "station", "kind", "first", "last", "intervals", "minutes", "config_sha256", "code_version")
    return {name: getattr(run, name) for name in (*names, "methods", "started", "finished", "further")}
