"""The page of a station's calibrated mole fractions, and its dossier on one button."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.air import analyser_of, goal_of, scale_of
from api.air_words import CHINESE_ALARMS, KINDS, REMEDIES, ROLES, SEVERITIES, choose_words, reason_words
from api.deps import StationDep
from api.principals import StoreDep
from api.routes.stations import summarise
from api.web import words
from api.web.rendering import render
from core.station.mole_fraction import GAS_UNITS
from qc.mole_fraction.background import BACKGROUND

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/station/{id}/co2")
def air_page(request: Request, row: StationDep, store: StoreDep) -> Response:
    """Show what a station's analyser measured, how well, and on what that rests."""
    part = analyser_of(row)
    store.require(row.station.id, "products")
    language = words.choose_language(request.query_params.get("lang"), request.headers.get("accept-language"))
    others = [
        one
        for one in store.stations.read_all()
        if one.station.mole_fraction is not None
        and one.station.id != row.station.id
        and store.may_read(one.station.id, "products")
    ]
    data = {
        "station": summarise(row, [], datetime.now(UTC)),
        "air": {
            "gases": [
                {
                    "name": one.name,
                    "unit": GAS_UNITS[one.name],
                    "scale": scale_of(part, one.name),
                    "goal": goal_of(part, one.name),
                }
                for one in part.gas
            ],
            "intakes": [{"name": name, "height": part.heights[name]} for name in part.intakes],
            "method": part.background.method,
            "methods": sorted(BACKGROUND),
            "others": [
                {
                    "id": one.station.id,
                    "name": one.station.station.name_zh
                    if language == "zh" and one.station.station.name_zh
                    else one.station.station.name,
                }
                for one in others
            ],
            "reasons": reason_words(language),
            "kinds": {name: choose_words(said, language) for name, said in KINDS.items()},
            "alarms": dict(CHINESE_ALARMS) if language == "zh" else {},
            "remedies": {name: choose_words(said, language).replace("`", "") for name, said in REMEDIES.items()},
            "severities": {name: choose_words(said, language) for name, said in SEVERITIES.items()},
            "roles": {name: choose_words(said, language) for name, said in ROLES.items()},
        },
    }
    return render(request, "co2.html", data, offset=row.station.station.utc_offset)


@router.get("/station/{id}/dossier")
def dossier(request: Request, row: StationDep) -> Response:
    """Send who asks for a station's dossier to the file, in the language of the pages."""
    analyser_of(row)
    language = words.choose_language(request.query_params.get("lang"), request.headers.get("accept-language"))
    kept = {name: value for name, value in request.query_params.items() if name in ("from", "to", "format")}
    query = {"language": language, "format": "pdf", **kept}
    return RedirectResponse(str(request.url_for("dossier_file", id=row.station.id).include_query_params(**query)), 307)
