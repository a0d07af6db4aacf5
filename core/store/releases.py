"""Releases: runs frozen under a number for ever, with the SHA-256 of each file; never edited, never taken away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from psycopg.types.json import Jsonb

from core.errors import ReleaseError, UnknownRelease
from core.store.database import Connection, Database, Row, execute_each, sql
from core.store.stations import StoredStations


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """A file of a release."""

    name: str
    media_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class KnownIssue:
    """What became known of a release, and when; one that ``withdraws`` it takes its files out of use."""

    made: datetime
    by: str
    text: str
    withdraws: bool


@dataclass(frozen=True, slots=True)
class ReleaseDraft:
    """A release before it is stored.

    Attributes
    ----------
    name, station : str
        ``{station}-v{version}``.
    version, run : int
    released : datetime
    title, citation, licence, by : str
        Licence by its SPDX name.
    sha256 : str
        Of the list of the files' SHA-256.
    said : mapping
        Creators, period, state of the review, changes against the release before.
    files : tuple of ReleaseFile
    """

    name: str
    station: str
    version: int
    run: int
    released: datetime
    title: str
    citation: str
    licence: str
    by: str
    sha256: str
    said: Mapping[str, Any]
    files: tuple[ReleaseFile, ...]


@dataclass(frozen=True, slots=True)
class ReleaseRow(ReleaseDraft):
    """A release; ``successor`` is the name of the next of its station."""

    id: int
    issues: tuple[KnownIssue, ...]
    successor: str | None

    @property
    def withdrawal(self) -> KnownIssue | None:
        """Return why it was withdrawn, None if it was not."""
        return next((one for one in self.issues if one.withdraws), None)

    def file(self, name: str) -> ReleaseFile | None:
        """Return a file by its name."""
        return next((one for one in self.files if one.name == name), None)


class StoredReleases:
    """The part of the store that holds releases."""

    def __init__(self, database: Database, stations: StoredStations) -> None:
        self._database = database
        self._stations = stations

    def next_version(self, station: str) -> int:
        """Return the version that the next release of a station has."""
        row = self._database.row("next_version", station=self._stations.read(station).key)
        assert row is not None
        return int(row["version"])

    def put(self, draft: ReleaseDraft, publish: Callable[[], None], event: Mapping[str, object]) -> ReleaseRow:
        """Store a release and queue what webhooks are told; return it.

        Parameters
        ----------
        draft : ReleaseDraft
        publish : callable
            Puts the files in their place; if it fails, nothing is stored.
        event : mapping
            What webhooks are sent, as JSON.

        Raises
        ------
        ReleaseError
            The run is released already, or another release took the number.
        """
        key = self._stations.read(draft.station).key
        with self._database.transaction() as connection:
            names = ("run", "released", "sha256", "citation", "licence", "version", "name", "title", "by")
            row = {name: getattr(draft, name) for name in names}
            said = Jsonb(dict(draft.said), dumps=orjson.dumps)
            made = connection.execute(sql("put_release"), {**row, "station": key, "said": said}).fetchone()
            if made is None:
                raise ReleaseError(
                    f"{draft.name} or run {draft.run} is released already", "see `fluxtower release list`"
                )
            files = [
                {"release": made["id"], "place": place, **{name: getattr(file, name) for name in file.__slots__}}
                for place, file in enumerate(draft.files)
            ]
            execute_each(connection, "put_release_file", files)
            _queue(connection, key, event)
            publish()
        return self.read(draft.name)

    def add_issue(self, name: str, by: str, text: str, *, withdraws: bool, event: Mapping[str, object]) -> ReleaseRow:
        """Add a known issue and queue what webhooks are told; ``UnknownRelease`` if there is none of that name."""
        release = self.read(name)
        key = self._stations.read(release.station).key
        with self._database.transaction() as connection:
            issue = {"release": release.id, "by": by, "text": text, "withdraws": withdraws}
            connection.execute(sql("put_release_issue"), issue)
            _queue(connection, key, event)
        return self.read(name)

    def read(self, name: str) -> ReleaseRow:
        """Read a release; ``UnknownRelease`` if there is none of that name."""
        found = self._find(name=name)
        if not found:
            raise UnknownRelease(name)
        return found[0]

    def find(self, station: str | None = None, *, limit: int = 100, below: int | None = None) -> list[ReleaseRow]:
        """Read the newest releases, of one station or of all; ``below``: with smaller ids."""
        if station is not None:
            self._stations.read(station)
        return self._find(station=station, limit=limit, below=below)

    def find_of_run(self, run: int) -> ReleaseRow | None:
        """Read the release of a run, None if it is not released."""
        return next(iter(self._find(run=run)), None)

    def _find(
        self,
        *,
        name: str | None = None,
        station: str | None = None,
        run: int | None = None,
        limit: int = 1,
        below: int | None = None,
    ) -> list[ReleaseRow]:
        rows = self._database.rows("releases", name=name, station=station, run=run, limit=limit, below=below)
        ids = [row["id"] for row in rows]
        files = _by_release(self._database.rows("release_files", releases=ids))
        issues = _by_release(self._database.rows("release_issues", releases=ids))
        return [
            ReleaseRow(
                **row,
                files=tuple(ReleaseFile(**one) for one in files.get(row["id"], ())),
                issues=tuple(KnownIssue(**one) for one in issues.get(row["id"], ())),
            )
            for row in rows
        ]


def _queue(connection: Connection, station: int, event: Mapping[str, object]) -> None:
    body = orjson.dumps(event, option=orjson.OPT_UTC_Z).decode()
    connection.execute(sql("queue_deliveries"), {"station": station, "body": body})


def _by_release(rows: Sequence[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(row.pop("release"), []).append(row)
    return found
