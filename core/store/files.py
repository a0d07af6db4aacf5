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


def put_ingested_file(database: Database, row: FileRow) -> None:
    """Remember a file."""
    parameters = asdict(row)
    database.row("put_ingested_file", file=parameters.pop("name"), **parameters)


def ingested_files(database: Database, station: str, stream: str) -> list[FileRow]:
    """Return the files of a stream, in order of time."""
    return [FileRow(**row) for row in database.rows("ingested_files", station=station, stream=stream)]
