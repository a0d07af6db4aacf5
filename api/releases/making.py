"""Make a release of a run: its files are written once, then never touched again."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from api.releases.changes import compare_runs
from api.releases.citation import abstract_of, write_citation
from api.releases.files import Content, write_files
from api.releases.frozen import DEFAULT_LICENCE, LICENCES, Frozen, period_of, state_of_review
from core.errors import ReleaseError
from core.settings import Settings
from core.store import ReleaseDraft, ReleaseFile, ReleaseRow, RunRow, Store


def folder_of(settings: Settings, name: str) -> Path:
    """Return where the files of a release are."""
    return settings.var / "releases" / name


def make_release(
    store: Store,
    settings: Settings,
    station: str,
    run: int,
    *,
    by: str,
    licence: str = DEFAULT_LICENCE,
    title: str = "",
    creators: Sequence[str] = (),
    known_issues: Sequence[str] = (),
) -> ReleaseRow:
    """Freeze a run under the next number of its station.

    Parameters
    ----------
    station : str
        Whose run it is.
    run : int
    by : str
        Who releases it.
    licence : str
        A key of ``LICENCES``.
    title : str
        Default: from the station's name.
    creators : sequence of str
        Whom to cite; default: the station.
    known_issues : sequence of str
        What is known to be wrong with it.

    Raises
    ------
    UnknownStation, UnknownRun
    ReleaseError
        The run is of another station, empty or released already, or the licence is unknown.
    """
    row = store.stations.read(station)
    found = store.runs.read(run)
    if found.station != station:
        raise ReleaseError(
            f"run {run} is of {found.station}", f"`fluxtower run list {station}` lists those of {station}"
        )
    if licence not in LICENCES:
        raise ReleaseError(f"unknown licence {licence!r}", f"one of {', '.join(LICENCES)}")
    if found.first is None:
        raise ReleaseError(f"run {run} has no half-hour", "release one that has some")
    earlier = store.releases.find_of_run(run)
    if earlier is not None:
        raise ReleaseError(f"run {run} is released as {earlier.name}", "add a known issue, or make a new run")
    now = datetime.now(UTC).replace(microsecond=0)
    version = store.releases.next_version(station)
    who = row.station.station
    table = store.runs.read_product(found, *period_of(found))
    frozen = Frozen(
        name=f"{station}-v{version}",
        title=title or f"Ecosystem fluxes of {who.name}",
        version=version,
        released=now,
        station=row,
        run=found,
        table=table,
        creators=tuple(creators) or (who.name,),
        licence=LICENCES[licence],
        review=state_of_review(store, row, found, now),
        changes=_changes(store, station, version, found, table=table),
    )
    files = write_files(frozen)
    event = {"event": "release", "release": frozen.name, "station": station, "title": frozen.title, "made": now}
    with _written(settings, frozen.name, files) as publish:
        made = store.releases.put(_draft(frozen, files, by), publish, event)
    for text in known_issues:
        made = add_issue(store, made.name, text, by=by)
    return made


def add_issue(store: Store, name: str, text: str, *, by: str, withdraws: bool = False) -> ReleaseRow:
    """Add a known issue to a release, or withdraw it; ``UnknownRelease`` or, without a text, ``ReleaseError``."""
    if not text.strip():
        raise ReleaseError("a known issue without words", "say what is wrong with the release")
    release = store.releases.read(name)
    event = {
        "event": "withdrawal" if withdraws else "known issue",
        "release": name,
        "station": release.station,
        "text": text,
        "made": datetime.now(UTC).replace(microsecond=0),
    }
    return store.releases.add_issue(name, by, text, withdraws=withdraws, event=event)


def find_damage(settings: Settings, release: ReleaseRow) -> list[str]:
    """Return what is wrong with the files of a release on disk, empty if they are what was written."""
    problems = []
    for file in release.files:
        path = folder_of(settings, release.name) / file.name
        try:
            with path.open("rb") as opened:
                sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        except OSError as error:
            problems.append(f"{path}: {error.strerror}: bring it back from a backup")
            continue
        if sha256 != file.sha256:
            problems.append(f"{path}: its SHA-256 is {sha256}, was {file.sha256}: bring it back from a backup")
    return problems


def _changes(store: Store, station: str, version: int, run: RunRow, *, table: pl.DataFrame) -> dict[str, Any] | None:
    if version == 1:
        return None
    before = store.releases.read(f"{station}-v{version - 1}")
    old = store.runs.read(before.run)
    return {"against": before.name, **compare_runs(old, store.runs.read_product(old, *period_of(old)), run, table)}


def _draft(frozen: Frozen, files: Sequence[Content], by: str) -> ReleaseDraft:
    listed = tuple(ReleaseFile(file.name, file.media_type, len(file.data), file.sha256) for file in files)
    return ReleaseDraft(
        name=frozen.name,
        station=frozen.station.station.id,
        version=frozen.version,
        run=frozen.run.id,
        released=frozen.released,
        title=frozen.title,
        citation=write_citation(frozen),
        licence=frozen.licence.spdx,
        by=by,
        sha256=hashlib.sha256("".join(f"{one.sha256}  {one.name}\n" for one in listed).encode()).hexdigest(),
        said={
            "creators": list(frozen.creators),
            "period": [f"{time:%Y-%m-%dT%H:%M:%SZ}" for time in frozen.period],
            "abstract": abstract_of(frozen),
            "units": frozen.units,
            "review": frozen.review,
            "changes": frozen.changes,
        },
        files=listed,
    )


@contextmanager
def _written(settings: Settings, name: str, files: Sequence[Content]) -> Iterator[Callable[[], None]]:
    """Write files where nobody looks, and give the function that puts them, whole, in their place."""
    parent = folder_of(settings, name).parent
    parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=".making-", dir=parent))
    try:
        making.chmod(0o755)
        for file in files:
            with (making / file.name).open("wb") as opened:
                opened.write(file.data)
                opened.flush()
                os.fsync(opened.fileno())
            (making / file.name).chmod(0o444)
        yield lambda: _put_in_place(making, folder_of(settings, name))
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _put_in_place(making: Path, folder: Path) -> None:
    if folder.exists():
        # the database has just given this number for the first time: this is of an attempt that it did not keep, or
        # of a database that was lost
        folder.rename(folder.with_name(f".left-{folder.name}{making.name}"))
    making.rename(folder)
    handle = os.open(folder.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
