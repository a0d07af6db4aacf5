"""Raw files that were read wholly into the store."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from core.store.database import Database


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file of one stream as it was when it was read: name, size [bytes], time of change; and the time it covers."""

    station: str
    stream: str
    name: str
    size: int
    modified: datetime
    first: datetime
    ends: datetime


class StoredFiles:
    """The part of the store that remembers raw files."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, row: FileRow) -> None:
        """Remember a raw file that was read wholly."""
        parameters = asdict(row)
        self._database.execute("put_ingested_file", file=parameters.pop("name"), **parameters)

    def read(self, station: str, stream: str) -> list[FileRow]:
        """Return the raw files of a stream that were read wholly, in order of time."""
        return [FileRow(**row) for row in self._database.rows("ingested_files", station=station, stream=stream)]
