"""Campbell's binary tables as raw files: the time they cover, and their records as the station's channels."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from core.errors import PayloadError
from core.records import FloatArray
from core.station import FileLayout
from ingest.files import tob1, tob3
from ingest.files.campbell import Header, column, read_header
from ingest.files.format import FileFormat, FileStream
from ingest.files.layouts import channel_fields, check_units, missing_numbers
from ingest.files.opening import opened, seekable
from ingest.files.records import LeftOut, Records, Report, Span

HEADER = re.compile(rb'"TOB[13]",|TOB[13],')
"""How a header begins."""
HEADER_BYTES = 8
"""[bytes]"""


def find_span(path: Path, stream: FileStream, kind: str) -> Span:
    """Look at the stamps of a binary table of a kind, ``TOB1`` or ``TOB3``; as ``raw.find_span``."""
    with _table(path, kind) as (source, size, header):
        stretches = tob3.index(source, header, []) if kind == "TOB3" else None
        ends = tob1.ends(source, header, size) if stretches is None else tob3.ends(stretches, header)
        if ends is None:
            raise PayloadError(f"{path.name}: no record after the header: remove the file")
        channel_fields(header.names, stream.declared, path.name, f"line {_NAMES_LINE[kind]}")
        first, last = min(ends) + stream.shift_ns, max(ends) + stream.shift_ns
        return Span(path, first, last + stream.declared.dt_ns)


def read_records(
    span: Span, stream: FileStream, start_ns: int, report: Report, kind: str
) -> Generator[Records, None, None]:
    """Yield a binary table's records piece by piece; as ``raw.read_records``.

    ``lines`` of the records are their numbers in the file, from 1.
    """
    file = span.path.name
    with opened(span.path) as one, seekable(one, file) as (source, size):
        places = [*_find_headers(source), size]
        number = 1
        lacking: set[int] = set()
        for first, last in pairwise(places):
            try:
                with _part_of(source, first, last, size) as part:
                    header = _read_header(part, file, kind)
                    fields, notes = _channels(header, stream, file, kind)
                    if first and (gone := {row for row, field in enumerate(fields) if field < 0} - lacking):
                        names = [repr(name) for row, name in enumerate(stream.declared.channel_index) if row in gone]
                        raise PayloadError(f"it has no column {', '.join(names)}")
                    lacking = {row for row, field in enumerate(fields) if field < 0}
                    for note in notes:
                        report(note)
                    if first:
                        told = f"record {number}: a new header begins here; its columns are read by their names"
                        yield replace(_nothing(fields), header=told)
                    for records in _read_part(part, header, fields, stream, number, file, report):
                        number += len(records.starts)
                        if len(records.starts) and records.starts.max() + stream.declared.dt_ns <= start_ns:
                            records = replace(_nothing(fields), left_out=records.left_out)
                        if len(records.starts) or records.left_out:
                            yield records
            except PayloadError as error:
                if not first:
                    raise
                reason = f"a new header begins here, and {error}"
                report(
                    f"{file}: record {number}: {reason}; the {size - first} bytes from there are left out: cut it there"
                )
                yield replace(_nothing(fields), left_out=(LeftOut(reason, number, bytes=size - first),))
                return


def _read_part(
    part: BinaryIO, header: Header, fields: tuple[int, ...], stream: FileStream, number: int, file: str, report: Report
) -> Iterator[Records]:
    """Yield the records under one header, numbered from ``number`` on."""
    damage: list[LeftOut] = []
    pieces = (
        tob1.pieces(part, header, stream.declared.dt_ns, damage)
        if header.kind == "TOB1"
        else tob3.pieces(part, header, tob3.index(part, header, damage))
    )
    for stamps, records, first in pieces:
        left_out = _tell_damage(damage, number - 1, file, report)
        numbers = np.arange(first, first + len(stamps)) + number - 1
        yield Records(stamps + stream.shift_ns, _values(records, header, fields, stream.layout), numbers, left_out)
    if left_out := _tell_damage(damage, number - 1, file, report):
        yield replace(_nothing(fields), left_out=left_out)


def _channels(header: Header, stream: FileStream, file: str, kind: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Find the stream's channels among a header's columns; return them, and what to tell."""
    declared, line = stream.declared, _NAMES_LINE[kind]
    told = check_units(header.names, header.units, declared, file, line + 1, check=stream.layout.check_units)
    fields, notes = channel_fields(header.names, declared, file, f"line {line}")
    return fields, (*notes, *told)


def _find_headers(source: BinaryIO) -> list[int]:
    """Return where headers begin: the first, and those of files that were joined to this one."""
    found, kept, offset = [0], b"", 0
    source.seek(0)
    while piece := source.read(tob1.PIECE_BYTES):
        text = kept + piece
        place = -1
        while (place := text.find(b"TOB", place + 1)) >= 0:
            begin = place - 1 if text[place - 1 : place] == b'"' else place
            if HEADER.match(text, begin) and offset - len(kept) + begin > found[-1]:
                found.append(offset - len(kept) + begin)
        offset += len(piece)
        kept = text[-HEADER_BYTES:]
    return found


@contextmanager
def _part_of(source: BinaryIO, first: int, last: int, size: int) -> Iterator[BinaryIO]:
    """Yield what of a file stands under one header; only a file that has several is copied for that."""
    source.seek(first)
    if (first, last) == (0, size):
        yield source
        return
    with TemporaryFile() as part:
        left = last - first
        while left and (piece := source.read(min(left, tob1.PIECE_BYTES))):
            left -= part.write(piece)
        part.seek(0)
        yield cast(BinaryIO, part)


def _nothing(fields: tuple[int, ...]) -> Records:
    nothing = np.empty(0, np.int64)
    return Records(nothing, np.empty((len(fields), 0)), nothing)


def _tell_damage(damage: list[LeftOut], before: int, file: str, report: Report) -> tuple[LeftOut, ...]:
    """Report what was passed over, and take it from the list; ``before`` counts the records under earlier headers."""
    told = tuple(replace(one, line=one.line + before) for one in damage)
    for one in told:
        if one.reason in (tob1.NO_RECORDS, tob3.NO_FRAMES):
            report(f"{file}: record {one.line}: {one.bytes} {one.reason}")
        elif one.reason == tob3.ASTRAY:
            report(f"{file}: record {one.line}: {one.records} records left out: {one.reason}")
    damage.clear()
    return told


_NAMES_LINE = {"TOB1": 2, "TOB3": 3}


def _values(records: NDArray[np.void], header: Header, fields: tuple[int, ...], files: FileLayout) -> FloatArray:
    values = np.full((len(fields), len(records)), np.nan)
    for row, field in zip(values, fields, strict=True):
        if field >= 0:
            row[:] = column(records, header, field)
    for mark in missing_numbers(files):
        values[values == mark] = np.nan
    return values


@contextmanager
def _table(path: Path, kind: str) -> Iterator[tuple[BinaryIO, int, Header]]:
    with opened(path) as one, seekable(one, path.name) as (source, size):
        yield source, size, _read_header(source, path.name, kind)


def _read_header(source: BinaryIO, file: str, kind: str) -> Header:
    header = read_header(source, file, kind)
    if kind == "TOB1":
        tob1.check(header, file)
    return header


def _binary_format(kind: str) -> FileFormat:
    def read(span: Span, stream: FileStream, start_ns: int, report: Report) -> Generator[Records, None, None]:
        return read_records(span, stream, start_ns, report, kind)

    return FileFormat(lambda path, stream: find_span(path, stream, kind), read, stamps="end")


TOB1, TOB3 = _binary_format("TOB1"), _binary_format("TOB3")
