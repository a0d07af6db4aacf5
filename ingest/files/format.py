"""What a format of raw files is: a row of traits that stands beside its reader."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from core.extensions import Unfit
from core.station import FileLayout, Station, Stream
from ingest.files.stamps import has_zone

if TYPE_CHECKING:
    from ingest.files.records import Records, Report, Span


@dataclass(frozen=True, slots=True)
class FileStream:
    """The stream that a raw file holds, as its reader needs it.

    Attributes
    ----------
    declared : Stream
        Its channels, rate or interval.
    layout : FileLayout
        What the station file says about such files.
    offset_ns : int
        Stamps minus UTC. [ns]
    stamps_end : bool
        Whether a stamp is the END of its sample.
    name_pattern : str
        Pattern of a time in the file's name, of the first sample or, with ``[files] end``, at the last one's end; empty
        where records have stamps.
    """

    declared: Stream
    layout: FileLayout
    offset_ns: int
    stamps_end: bool
    name_pattern: str = ""

    @property
    def shift_ns(self) -> int:
        """What brings a stamp to the START of its sample, UTC. [ns]"""
        return -self.offset_ns - (self.declared.dt_ns if self.stamps_end else 0)

    @property
    def part(self) -> str:
        """The part of the station file that describes such files."""
        return part_of(self.declared)


@dataclass(frozen=True, slots=True)
class FileExample:
    """Good files of a format, from which hostile ones are made to try its reader.

    Attributes
    ----------
    name : str
        What such a file is called.
    station : str
        The ``[[stream]]`` called ``ec`` and the ``[files]`` of a station file that describe it.
    contents : tuple of bytes
        Files whole.
    """

    name: str
    station: str
    contents: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A format of raw files: what reads it, and what a station file may say about such files.

    Attributes
    ----------
    find_span : callable
        ``(path, stream) -> Span``: the stretch of time that a file covers, or a ``PayloadError`` that names file, line
        and remedy; cheap, for every file is looked at before the first is read.
    read_records : callable
        ``(span, stream, start_ns, report) -> generator of Records``: the file piece by piece, so that memory does not
        grow with its length; those before ``start_ns`` may be left out.
    stamps : str
        Which end of its sample a stamp is unless the station file says otherwise (``stamps``).
    clock_utc : bool
        Whether stamps are UTC unless the station file says otherwise (``utc_offset``); else they are the station's
        standard time.
    described : bool
        Whether the station file says what columns and times are (``separator``, ``columns``, ``time_columns``...).
    start : str
        Of one that is described: the default of ``start``.
    examples : tuple of FileExample
        Good files, for tests.
    """

    find_span: Callable[[Path, FileStream], Span]
    read_records: Callable[[Span, FileStream, int, Report], Generator[Records, None, None]]
    stamps: Literal["start", "end"] = "start"
    clock_utc: bool = False
    described: bool = False
    start: str = ""
    examples: tuple[FileExample, ...] = ()

    def __post_init__(self) -> None:
        for function in (self.find_span, self.read_records):
            if not callable(function):
                raise Unfit("functions as find_span and read_records", function)
        if self.stamps not in ("start", "end"):
            raise ValueError(f"stamps: expected 'start' or 'end', got {self.stamps!r}")

    def name_pattern(self, layout: FileLayout) -> str:
        """Return the pattern of a time in a file's name; empty where records have stamps."""
        return layout.start or layout.end or ("" if layout.time_columns else self.start)

    def stream_of(self, station: Station, name: str) -> FileStream:
        """Return a stream of a station as the reader of its files needs it."""
        declared = station.streams[name]
        layout = station.layout_of(declared)
        hours = layout.utc_offset
        if hours is None:
            stated = bool(layout.time_columns) and has_zone(layout.time_format)
            hours = 0.0 if self.clock_utc or stated else station.station.utc_offset
        end = (layout.stamps or self.stamps) == "end"
        return FileStream(declared, layout, round(hours * 3600e6) * 1000, end, self.name_pattern(layout))


def part_of(declared: Stream) -> str:
    """Return the part of the station file that describes a stream's files."""
    return "[files]" if declared.kind == "block" else "[files.meteorology]"


def accept_file_format(found: object, package: str) -> FileFormat:
    """Return what an entry point of a package names if it is a format of raw files.

    Raises
    ------
    Unfit
        It is something else.
    """
    if not isinstance(found, FileFormat):
        raise Unfit("a FileFormat", found)
    return found
