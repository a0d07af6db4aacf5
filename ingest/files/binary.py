"""Campbell's binary tables as raw files: the time they cover, and their records as the station's channels."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

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
    declared, files = stream.declared, stream.layout
    with _table(span.path, kind) as (source, _, header):
        file, line = span.path.name, _NAMES_LINE[kind]
        told = check_units(header.names, header.units, declared, file, line + 1, check=files.check_units)
        fields, notes = channel_fields(header.names, declared, file, f"line {line}")
        for note in (*notes, *told):
            report(note)
        damage: list[LeftOut] = []
        pieces = (
            tob1.pieces(source, header, declared.dt_ns, damage)
            if kind == "TOB1"
            else tob3.pieces(source, header, tob3.index(source, header, damage))
        )
        for stamps, records, number in pieces:
            starts = stamps + stream.shift_ns
            if starts.max() + declared.dt_ns <= start_ns:
                continue
            left_out = _tell_damage(damage, file, report)
            numbers = np.arange(number, number + len(starts))
            yield Records(starts, _values(records, header, fields, files), numbers, left_out)
        if left_out := _tell_damage(damage, file, report):
            nothing = np.empty(0, np.int64)
            yield Records(nothing, np.empty((len(fields), 0)), nothing, left_out)


def _tell_damage(damage: list[LeftOut], file: str, report: Report) -> tuple[LeftOut, ...]:
    """Report what was passed over, and take it from the list."""
    told = tuple(damage)
    for one in told:
        if one.reason in (tob1.NO_RECORDS, tob3.NO_FRAMES):
            report(f"{file}: record {one.line}: {one.bytes} {one.reason}")
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
        header = read_header(source, path.name, kind)
        if kind == "TOB1":
            tob1.check(header, path.name)
        yield source, size, header


def _binary_format(kind: str) -> FileFormat:
    def read(span: Span, stream: FileStream, start_ns: int, report: Report) -> Generator[Records, None, None]:
        return read_records(span, stream, start_ns, report, kind)

    return FileFormat(lambda path, stream: find_span(path, stream, kind), read, stamps="end")


TOB1, TOB3 = _binary_format("TOB1"), _binary_format("TOB3")
