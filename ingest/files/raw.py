"""Raw files of any format: what stretch of time one covers, and its records from one time to another.

To add a format: a module with its row, named here. Another package adds one by an entry point in the group
``fluxtower.file_formats``: docs/guide/extend.md.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.errors import ConfigError, PayloadError
from core.extensions import Choices
from core.station import Station
from ingest.files import binary, csv_table, ghg_table, toa5_table
from ingest.files.format import FileFormat, accept_file_format
from ingest.files.records import Records, Report, Span

FILE_FORMATS = Choices(
    {
        "toa5": toa5_table.FORMAT,
        "tob1": binary.TOB1,
        "tob3": binary.TOB3,
        "ghg": ghg_table.FORMAT,
        "icos_csv": csv_table.ICOS_CSV,
        "csv": csv_table.CSV,
    },
    "fluxtower.file_formats",
    accept_file_format,
)
"""Formats that a station file may name."""


def find_span(path: Path, station: Station, stream: str) -> Span:
    """Look at the first and the last records of a file; only a packed one has to be unpacked for that.

    Parameters
    ----------
    path : Path
        Raw file, plain or packed.
    station : Station
        Says what its files look like.
    stream : str
        Stream that the file holds.

    Raises
    ------
    PayloadError
        It cannot be read or is not what the station file says, or the package of its format is broken; names file,
        line and remedy.
    """
    name, format = _format_of(station, stream, path.name)
    with _blaming(name, path.name):
        return format.find_span(path, format.stream_of(station, stream))


def read_records(
    span: Span, station: Station, stream: str, start_ns: int, report: Report
) -> Generator[Records, None, None]:
    """Yield a file's records piece by piece in the declared units, those before ``start_ns`` mostly left out.

    Raises
    ------
    PayloadError
        As ``find_span``; what was yielded before is good.
    """
    name, format = _format_of(station, stream, span.path.name)
    scales = station.streams[stream].scales
    pieces = format.read_records(span, format.stream_of(station, stream), start_ns, report)
    try:
        while True:
            with _blaming(name, span.path.name):
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece if scales is None else scale(piece, scales)
    finally:
        pieces.close()


def scale(records: Records, scales: tuple[tuple[float, ...], tuple[float, ...]]) -> Records:
    """Bring values to the declared units, by gain and offset of each channel."""
    gain, offset = (np.array(one)[:, None] for one in scales)
    return replace(records, values=records.values * gain + offset)


def _format_of(station: Station, stream: str, file: str) -> tuple[str, FileFormat]:
    name = station.layout_of(station.streams[stream]).format
    try:
        return name, FILE_FORMATS[name]
    except KeyError:
        raise PayloadError(f"{file}: format {name!r}: no installed package has it: install its package") from None
    except ConfigError as error:
        raise PayloadError(f"{file}: format {name!r}: {error.got}") from None


@contextmanager
def _blaming(format: str, file: str) -> Iterator[None]:
    """Make of any error in another package's reader a PayloadError: it stops that file, and names the package."""
    try:
        yield
    except Exception as error:
        package = FILE_FORMATS.package_of(format)
        if isinstance(error, PayloadError) or not package:
            raise
        said = f"{type(error).__name__}: {str(error)[:200]!a}"
        raise PayloadError(f"{file}: format {format!r} of {package} fails: {said}") from error
