"""The pages of releases, and their Atom feeds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from markupsafe import Markup

from api.deps import StationDep
from api.principals import StoreDep
from api.releases.frozen import LICENCES
from api.routes.releases import Before, ReleaseDep, dataset_of, page_of, state_of, successor_link
from api.routes.stations import summarise
from api.web.rendering import render
from core.store import ReleaseRow

router = APIRouter(default_response_class=HTMLResponse)

RELEASES_PER_PAGE = 50
ATOM = "http://www.w3.org/2005/Atom"
ElementTree.register_namespace("", ATOM)


@router.get("/releases.atom")
def feed(request: Request, store: StoreDep) -> Response:
    """Return the newest releases as an Atom feed."""
    return _feed(request, "Fluxtower: releases", store.releases.find(limit=RELEASES_PER_PAGE))


@router.get("/station/{id}/releases.atom")
def station_feed(request: Request, row: StationDep, store: StoreDep) -> Response:
    """Return a station's newest releases as an Atom feed."""
    name = f"{row.station.station.name}: releases"
    return _feed(request, name, store.releases.find(row.station.id, limit=RELEASES_PER_PAGE))


@router.get("/releases")
def releases_page(request: Request, store: StoreDep, before: Before = None) -> Response:
    """List the releases of all stations."""
    return _list(request, store.releases.find(limit=RELEASES_PER_PAGE, below=before), "", "/releases.atom")


@router.get("/station/{id}/releases")
def station_releases_page(request: Request, row: StationDep, store: StoreDep, before: Before = None) -> Response:
    """List the releases of a station."""
    id = row.station.id
    found = store.releases.find(id, limit=RELEASES_PER_PAGE, below=before)
    return _list(request, found, id, f"/station/{id}/releases.atom")


@router.get("/releases/{name}")
def release_page(request: Request, found: ReleaseDep, store: StoreDep) -> Response:
    """Show a release: how to cite it, what is known of it, its files. It stays when a newer one is there."""
    row = store.stations.read(found.station)
    text = orjson.dumps(dataset_of(request, store, found)).decode().replace("<", "\\u003c")
    shown = {
        "release": found,
        "period": [datetime.fromisoformat(time) for time in found.said["period"]],
        "licence": LICENCES[found.licence],
        "page_address": page_of(request, found.name),
        "dataset": Markup(text),
    }
    data = {"station": summarise(row, [], datetime.now(UTC))}
    answer = render(request, "release.html", data, shown=shown, offset=row.station.station.utc_offset)
    answer.headers.update(successor_link(request, found))
    return answer


def _list(request: Request, found: Sequence[ReleaseRow], of: str, feed: str) -> Response:
    shown = {
        "releases": [(one, state_of(one)) for one in found],
        "older": found[-1].id if len(found) == RELEASES_PER_PAGE else None,
        "of": of,
        "feed": feed,
    }
    return render(request, "releases.html", {}, shown=shown)


def _feed(request: Request, title: str, found: Sequence[ReleaseRow]) -> Response:
    """Return Atom (RFC 4287); an entry is updated when a known issue is added."""
    root = ElementTree.Element(f"{{{ATOM}}}feed")
    address = str(request.url.replace(query=""))
    updated = max((_updated(one) for one in found), default=datetime.fromtimestamp(0, UTC))
    _add(root, "id", address)
    _add(root, "title", title)
    _add(root, "updated", _iso(updated))
    _add(_add(root, "author"), "name", "Fluxtower")
    _add(root, "link", rel="self", href=address)
    for release in found:
        entry, page = _add(root, "entry"), page_of(request, release.name)
        _add(entry, "id", page)
        _add(entry, "title", f"{release.name}: {release.title}, version {release.version}")
        _add(entry, "published", _iso(release.released))
        _add(entry, "updated", _iso(_updated(release)))
        _add(entry, "link", rel="alternate", href=page)
        _add(entry, "summary", " ".join([release.citation, *(f"Known issue: {one.text}" for one in release.issues)]))
    content = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return Response(content, media_type="application/atom+xml", headers={"Vary": "Cookie", "Cache-Control": "no-cache"})


def _updated(release: ReleaseRow) -> datetime:
    return max([release.released, *(one.made for one in release.issues)])


def _iso(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _add(parent: ElementTree.Element, name: str, text: str | None = None, **attributes: str) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, f"{{{ATOM}}}{name}", attributes)
    element.text = text
    return element
