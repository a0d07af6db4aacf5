"""Releases: what is frozen, cited and downloaded; superseded ones stay where they are and name their successor."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import FileResponse

from api.deps import StationDep
from api.errors import FileAway, UnknownFile, Withdrawn
from api.models import KnownIssueOut, ReleaseDetailOut, ReleaseFileOut, ReleaseIn, ReleaseOut, ReleasesOut
from api.principals import OwnForm, StoreDep, gate_of, require_action
from api.readable import ReadableStore
from api.releases.citation import describe_dataset
from api.releases.making import folder_of, make_release
from core.store import ReleaseRow

router = APIRouter(tags=["releases"])

BINARY = {"type": "string", "format": "binary"}

MAX_RELEASES = 1000
FOR_EVER = "public, max-age=31536000, immutable"
Limit = Annotated[int, Query(description="How many at most.", ge=1, le=MAX_RELEASES)]
Before = Annotated[int | None, Query(description="Only older ones: `before` of the page that was read last.")]


def _release(
    store: StoreDep, name: Annotated[str, Path(description="name of the release", examples=["cn-tower-v1"])]
) -> ReleaseRow:
    return store.releases.read(name)


ReleaseDep = Annotated[ReleaseRow, Depends(_release)]


@router.get("/releases", summary="Releases of all stations, newest first")
def releases(request: Request, store: StoreDep, limit: Limit = 100, before: Before = None) -> ReleasesOut:
    """Return releases: season runs frozen under a number, whose files never change."""
    return _page(request, store.releases.find(limit=limit, below=before), limit)


@router.get("/stations/{id}/releases", summary="Releases of a station, newest first")
def station_releases(
    request: Request, row: StationDep, store: StoreDep, limit: Limit = 100, before: Before = None
) -> ReleasesOut:
    """Return a station's releases."""
    return _page(request, store.releases.find(row.station.id, limit=limit, below=before), limit)


@router.post("/stations/{id}/releases", summary="Release a run", status_code=201, dependencies=[OwnForm])
def release_run(request: Request, row: StationDep, store: StoreDep, said: ReleaseIn) -> ReleaseOut:
    """Freeze a season run under the station's next number; needs a reviewer. It cannot be undone, only withdrawn."""
    principal = require_action(request, store, "release", row.station.id)
    whole = gate_of(request).store
    made = make_release(
        whole,
        request.app.state.settings,
        row.station.id,
        said.run,
        by=principal.name,
        licence=said.licence,
        title=said.title,
        creators=said.creators,
        known_issues=said.known_issues,
    )
    whole.access.log(principal, "release", row.station.id, "done", release=made.name, run=said.run)
    return ReleaseOut.model_validate(_described(request, made))


@router.get("/releases/{name}", summary="A release: citation, licence, files, what changed, known issues")
def release(request: Request, response: Response, found: ReleaseDep, store: StoreDep) -> ReleaseDetailOut:
    """Return a release; a superseded one names its successor, here and as ``Link: rel="successor-version"``."""
    response.headers.update(successor_link(request, found))
    said = found.said
    return ReleaseDetailOut.model_validate(
        {
            **_described(request, found),
            "abstract": said["abstract"],
            "changes": said["changes"],
            "dataset": dataset_of(request, store, found),
        }
    )


@router.get(
    "/releases/{name}/files/{file}",
    summary="A file of a release",
    response_model=None,
    # the name of a file ends as it ends: no other form of it can be asked for
    responses={200: {"content": {"application/octet-stream": {"schema": BINARY, "example": "(the file's bytes)"}}}},
)
@router.head("/releases/{name}/files/{file}", include_in_schema=False, response_model=None)
def release_file(
    request: Request,
    found: ReleaseDep,
    file: Annotated[str, Path(description="name of the file", examples=["cn-tower-v1.csv"])],
) -> Response:
    """Send a file, or a part of it (``Range``); its ETag is its SHA-256, for its bytes are the same for ever."""
    listed = found.file(file)
    if listed is None:
        raise UnknownFile(found.name, file, [one.name for one in found.files])
    if found.withdrawal:
        raise Withdrawn(
            f"{found.name} was withdrawn on {found.withdrawal.made:%Y-%m-%d}: {found.withdrawal.text}",
            f"see /releases/{found.successor or found.name}",
        )
    path = folder_of(request.app.state.settings, found.name) / listed.name
    if not path.is_file() or path.stat().st_size != listed.size:
        raise FileAway(f"{found.name}: {file} is not there as it was written")
    headers = {
        "ETag": f'"{listed.sha256}"',
        "Cache-Control": FOR_EVER if request.state.principal.kind == "anonymous" else "private, no-cache",
        # a part of compressed bytes is no part of the file, and their ETag would be another one
        "Content-Encoding": "identity",
        **successor_link(request, found),
    }
    asked = (one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(","))
    if headers["ETag"] in asked:
        return Response(status_code=304, headers=headers)
    return FileResponse(path, media_type=listed.media_type, filename=listed.name, headers=headers)


def page_of(request: Request, name: str) -> str:
    """Return the address of a release's page."""
    return str(request.url_for("release_page", name=name))


def successor_link(request: Request, release: ReleaseRow) -> dict[str, str]:
    """Return the header that a superseded release has."""
    if release.successor is None:
        return {}
    return {"Link": f'<{page_of(request, release.successor)}>; rel="successor-version"'}


def dataset_of(request: Request, store: ReadableStore, release: ReleaseRow) -> dict[str, object]:
    """Return a release as schema.org's Dataset."""
    # no route has an empty name
    files = str(request.url_for("release_file", name=release.name, file="-")).removesuffix("-")
    row = store.stations.read(release.station)
    return describe_dataset(release, row, page_of(request, release.name), files)


def _page(request: Request, found: list[ReleaseRow], limit: int) -> ReleasesOut:
    listed = [ReleaseOut.model_validate(_described(request, one)) for one in found]
    return ReleasesOut(releases=listed, before=found[-1].id if len(found) == limit else None)


def _described(request: Request, release: ReleaseRow) -> dict[str, object]:
    names = ("name", "station", "version", "run", "released", "by", "title", "citation", "licence", "sha256")
    said = release.said
    return {
        **{name: getattr(release, name) for name in (*names, "successor")},
        "state": state_of(release),
        "page": page_of(request, release.name),
        **{name: said[name] for name in ("creators", "period", "review")},
        "issues": [KnownIssueOut.model_validate(dataclasses.asdict(one)) for one in release.issues],
        "files": [
            ReleaseFileOut(
                **dataclasses.asdict(one), url=str(request.url_for("release_file", name=release.name, file=one.name))
            )
            for one in release.files
        ],
    }


def state_of(release: ReleaseRow) -> str:
    """Return whether a release is to be used: ``released``, ``superseded`` or ``withdrawn``."""
    return "withdrawn" if release.withdrawal else "superseded" if release.successor else "released"
