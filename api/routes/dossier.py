"""A station's dossier, as PDF and JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from api.air import analyser_of
from api.answers import file_answer
from api.deps import From, StationDep, To, choose_period
from api.dossier.document import dossier_pdf
from api.dossier.facts import dossier_json
from api.exports.encode import file_name
from api.principals import StoreDep
from api.routes.mole_fractions import LONGEST
from core.settings import Settings
from qc.dossier import last_year, make_dossier

router = APIRouter(tags=["mole fractions"])


@router.get(
    "/stations/{id}/dossier",
    summary="Dossier of a station: coverage, CMR, LTR, bias, tanks, tests, alarms, review",
    response_model=None,
    name="dossier_file",
    responses={
        200: {
            "content": {
                "application/pdf": {"schema": {"type": "string", "format": "binary"}},
                "application/json": {"schema": {"type": "object"}},
            }
        }
    },
)
def dossier(
    request: Request,
    row: StationDep,
    store: StoreDep,
    start: From = None,
    end: To = None,
    language: Annotated[Literal["en", "zh"], Query(description="English or Chinese.")] = "en",
    form: Annotated[Literal["json", "pdf"], Query(alias="format", description="json or pdf")] = "json",
) -> Response:
    """Return what of a station's mole fractions is there per month, how good it is against the goals, on what it rests.

    Default: this month of local standard time and the eleven before.
    """
    analyser_of(row)
    settings: Settings = request.app.state.settings
    now = datetime.now(UTC)
    first, last = last_year(now, row.station.station.utc_offset)
    period = choose_period(start or (first if end is None else None), end or last, None, last - first, LONGEST)
    made = make_dossier(store, row, period.start, period.end, settings.review_days, now)
    name = file_name(
        row.station.id, f"dossier_{language}", period.start, period.end, row.station.station.utc_offset
    ).removesuffix(".csv")
    if form == "pdf":
        return file_answer(dossier_pdf(made, language, settings), "application/pdf", f"{name}.pdf")
    return file_answer(dossier_json(made, language), "application/json", f"{name}.json")
