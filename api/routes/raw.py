"""Raw half-hours in bulk: a zip of a logger's files, written while it is read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from api.deps import From, StationDep, To
from api.export_tables import raw_files
from api.exports.raw import zip_stream
from api.principals import StoreDep
from api.stream_query import StreamName, StreamQuery, find_stream

router = APIRouter(tags=["data"])

BINARY = {"type": "string", "format": "binary"}

DEFAULT_PERIOD = timedelta(days=1)
LONGEST_PERIOD = timedelta(days=31)
RawFormat = Annotated[
    Literal["toa5", "icos", "parquet"], Query(alias="format", description="What each half-hour's file is.")
]


@router.get(
    "/stations/{id}/raw",
    summary="Raw half-hours, a file each, in a zip",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": {"schema": BINARY, "example": "(a zip with a file a half-hour)"}}}},
)
def raw(
    row: StationDep,
    store: StoreDep,
    start: From = None,
    end: To = None,
    stream: StreamName = None,
    form: RawFormat = "toa5",
) -> StreamingResponse:
    """Return every sample of [from, to) as sent, a file a half-hour; default: the last day; at most 31 days.

    Half-hours without a sample have no file. TOA5 and names of files have local standard time.
    """
    found = find_stream(row, stream, "block")
    asked = StreamQuery(row, found, list(found.channels), start, end, form)
    store.require(row.station.id, "raw")  # before the first byte leaves
    period = asked.period(store, DEFAULT_PERIOD, LONGEST_PERIOD)

    def chunks() -> Iterator[bytes]:
        yield from zip_stream(raw_files(store, row, found, period, form))

    name = asked.file_name(period, "-raw").replace(".csv", ".zip")
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(chunks(), media_type="application/zip", headers=headers)
