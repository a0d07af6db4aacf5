"""Campbell's binary tables as raw files: the time they cover, and their records as the station's channels."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.clock import to_ns
from core.errors import PayloadError
from core.records import FloatArray
from core.station import FileLayout, Station, Stream
from ingest.files import tob1, tob3
from ingest.files.campbell import Header, column, read_header
from ingest.files.layouts import channel_fields, check_units, missing_numbers
from ingest.files.opening import opened, seekable
from ingest.files.records import Records, Report, Span, check_clock

KINDS = {"tob1": "TOB1", "tob3": "TOB3"}
"""``[files] format`` -> first word of the file."""


def find_span(path: Path, station: Station, stream: str) -> Span:
    """Look at the stamps of a binary table; as ``raw.find_span``.

    Raises
    ------
    PayloadError
        It cannot be read or is not what the station file says; names file, line and remedy.
    """
    declared = station.streams[stream]
    with _table(path, station.layout_of(declared)) as (source, size, header):
        stretches = tob3.index(source, header) if header.kind == "TOB3" else None
        ends = tob1.ends(source, header, size) if stretches is None else tob3.ends(stretches, header)
        if ends is None:
            raise PayloadError(f"{path.name}: no record after the header: remove the file")
        channel_fields(header.names, declared, path.name, f"line {_NAMES_LINE[header.kind]}")
        shift = _shift(station, declared)
        first, last = min(ends) + shift, max(ends) + shift
        return Span(path, first, last + declared.dt_ns)


def read_records(
    span: Span, station: Station, stream: str, start_ns: int, report: Report
) -> Generator[Records, None, None]:
    """Yield a binary table's records piece by piece; as ``raw.read_records``.

    ``lines`` of the records are their numbers in the file, from 1.

    Raises
    ------
    PayloadError
        As ``find_span``; what was yielded before is good.
    """
    declared = station.streams[stream]
    files, shift = station.layout_of(declared), _shift(station, declared)
    with _table(span.path, files) as (source, _, header):
        file, line = span.path.name, _NAMES_LINE[header.kind]
        check_units(header.names, header.units, declared, file, line + 1, check=files.check_units)
        fields, notes = channel_fields(header.names, declared, file, f"line {line}")
        for note in notes:
            report(note)
        pieces = (
            tob1.pieces(source, header)
            if header.kind == "TOB1"
            else tob3.pieces(source, header, tob3.index(source, header))
        )
        newest: int | None = None
        for stamps, records, number in pieces:
            starts = stamps + shift
            if starts.max() + declared.dt_ns <= start_ns:
                continue
            piece = Records(starts, _values(records, header, fields, files), np.arange(number, number + len(starts)))
            check_clock(piece, newest, file, report, unit="record")
            newest = int(starts[-1])
            yield piece


_NAMES_LINE = {"TOB1": 2, "TOB3": 3}


def _values(records: NDArray[np.void], header: Header, fields: tuple[int, ...], files: FileLayout) -> FloatArray:
    values = np.full((len(fields), len(records)), np.nan)
    for row, field in zip(values, fields, strict=True):
        if field >= 0:
            row[:] = column(records, header, field)
    for mark in missing_numbers(files):
        values[values == mark] = np.nan
    return values


def _shift(station: Station, declared: Stream) -> int:
    """Return what brings a stamp to the START of its sample, UTC. [ns]"""
    files = station.layout_of(declared)
    offset = station.station.utc_offset if files.utc_offset is None else files.utc_offset
    zone_ns = to_ns(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=offset))
    return -zone_ns - (declared.dt_ns if files.stamps_end else 0)


@contextmanager
def _table(path: Path, files: FileLayout) -> Iterator[tuple[BinaryIO, int, Header]]:
    kind = KINDS[files.format]
    with opened(path) as one, seekable(one, path.name) as (source, size):
        header = read_header(source, path.name, kind)
        if kind == "TOB1":
            tob1.check(header, path.name)
        yield source, size, header
