"""Raw files of text, a record a line: what stretch of time one covers, and its records piece by piece.

A piece is a few megabytes of lines, so memory does not grow with a file's length.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from core.errors import PayloadError
from core.records import FloatArray
from ingest.files.format import FileFormat, FileStream
from ingest.files.layouts import Layout
from ingest.files.lines import (
    blank_lines,
    comma_hint,
    count_bytes,
    count_fields,
    has_filler,
    parse_alike,
    parse_lines,
    with_plain_separators,
)
from ingest.files.opening import opened
from ingest.files.records import FILLED, FILLER, FILLER_RUNS, Int64Array, LeftOut, Records, Report, Span

PIECE_BYTES = 1 << 22
"""Bytes read at once; a half-hour of ten channels at 20 Hz is three to four million."""
MAX_HEADER_BYTES = 1 << 17
"""A header inside a file may go over the end of a piece. [bytes]"""
ORIGIN = re.compile(rb'^"?TOA5"?,', re.MULTILINE)
"""The first line of a TOA5 header, of which the line of names may be damaged."""
UNCOUNTED = "no record, or several, and records of this file have no times: where the others belong cannot be known"
"""What is said of damage among records that only their number gives a time."""
TAIL_BYTES = 1 << 16
"""Bytes that are looked at for the first and the last stamp, if a sixteenth of them does not have one."""


LayoutReader = Callable[[BinaryIO, str, FileStream], Layout]
"""``(source, file, stream) -> layout`` of one format: reads the header, so that ``source`` then stands at the first
record; a ``PayloadError`` that names file, line and remedy if it is not what the station file says."""


def text_format(
    read_layout: LayoutReader,
    *,
    stamps: Literal["start", "end"] = "start",
    clock_utc: bool = False,
    described: bool = False,
    start: str = "",
) -> FileFormat:
    """Make the row of a format of text tables, a record a line.

    Parameters
    ----------
    read_layout : callable
        Reads the header.
    stamps, clock_utc, described, start
        As in ``FileFormat``.
    """

    def read(span: Span, stream: FileStream, start_ns: int, report: Report) -> Generator[Records, None, None]:
        return read_records(span, stream, start_ns, report, read_layout)

    def find(path: Path, stream: FileStream) -> Span:
        return find_span(path, stream, read_layout)

    return FileFormat(find, read, stamps, clock_utc, described, start)


def find_span(path: Path, stream: FileStream, read_layout: LayoutReader) -> Span:
    """Look at the first and the last lines of a file; as ``raw.find_span``."""
    with opened(path) as one:
        source = one.stream
        layout = read_layout(source, path.name, stream)
        head = source.read(TAIL_BYTES)
        if not head:
            raise PayloadError(f"{path.name}: line {layout.first_line}: no record after the header: remove the file")
        tail = head
        if not layout.time_fields:
            pieces = LinePieces(source, path.name, head)
            lines = 0
            for text in pieces:
                if stream.layout.end and find_uncounted(text, layout) < len(text):
                    raise PayloadError(
                        f"{path.name}: a line is {UNCOUNTED}: cut the file behind it, or give the time of the first "
                        f"sample: {stream.part} start"
                    )
                lines += count_bytes(text, "\n") - blank_lines(text)
            lines += bool(pieces.rest.strip(FILLER + b" \t\r"))
            first_ns = layout.first_ns - (lines * layout.dt_ns if stream.layout.end else 0)
            return Span(path, first_ns, first_ns + lines * layout.dt_ns)
        if one.size is None:
            while piece := source.read(PIECE_BYTES):
                tail = (tail + piece)[-TAIL_BYTES:]
        elif one.size > source.tell():
            source.seek(max(source.tell() - TAIL_BYTES, one.size - TAIL_BYTES))
            tail = source.read()
    head = b"\n" + head
    few = TAIL_BYTES // 16
    starts = _starts_of_both(head[:few], tail[-few:], layout)
    starts = starts or _starts_within(head, layout) + _starts_within(tail, layout)
    if not starts:
        first = head[1:].split(b"\n", 1)[0][:60]
        hint = comma_hint(first, layout.files) or "is it a file of this station, and does [files] describe it?"
        raise PayloadError(
            f"{path.name}: line {layout.first_line}: expected {layout.fields} fields with a stamp"
            f"{_written(layout)} and numbers, got {first.decode('ascii', 'backslashreplace')!a}: {hint}"
        )
    return Span(path, min(starts), max(starts) + layout.dt_ns)


def read_records(
    span: Span, stream: FileStream, start_ns: int, report: Report, read_layout: LayoutReader
) -> Generator[Records, None, None]:
    """Yield a file's records piece by piece; as ``raw.read_records``.

    A new header inside the file (the logger's program was changed, files were joined) holds from there on: its columns
    may have another order. Where it lacks a channel that the file had, what follows is left out, and that is reported.
    """
    file = span.path.name
    with opened(span.path) as one:
        filled = _skip_filler(one.stream)
        layout = read_layout(one.stream, file, stream)
        for note in layout.notes:
            report(note)
        if stream.layout.end:
            layout = replace(layout, first_ns=find_span(span.path, stream, read_layout).start_ns)
        line = layout.first_line
        if filled:
            yield Records(*_no_records(layout), (LeftOut(FILLED, 1, bytes=filled),))
        pieces = LinePieces(one.stream, file)
        for piece in pieces:
            text = piece
            while text:
                if span.skippable and start_ns > span.start_ns:
                    lines = count_bytes(text, "\n")
                    if _ends_before(text, line + lines, layout, start_ns):
                        line += lines
                        layout = pass_blank_lines(layout, text)
                        break
                records = parse_alike(text, line, layout)
                if records is None and _ends_badly(text, layout):
                    text += next(pieces, b"")  # a header may go over the end of a piece
                cut = len(text) if records is not None else min(find_header(text, layout), find_uncounted(text, layout))
                records = records or parse_lines(text[:cut], line, layout, file, report)
                if len(records.starts) or records.left_out:
                    yield records
                line += count_bytes(text[:cut], "\n")
                layout = pass_blank_lines(layout, text[:cut])
                text = text[cut:]
                if text:
                    if not layout.time_fields and find_header(text, layout) > 0:
                        yield _leave_out_rest(text, pieces, line, file, f"the line is {UNCOUNTED}", report)
                        return
                    if len(text) < MAX_HEADER_BYTES:
                        text += next(pieces, b"")
                    try:
                        layout, length = _next_layout(text, line, layout, read_layout, file, stream)
                    except PayloadError as error:
                        yield _leave_out_rest(
                            text, pieces, line, file, f"a new header begins here, and {error}", report
                        )
                        return
                    told = f"line {line}: a new header begins here; its columns are read by their names"
                    yield Records(*_no_records(layout), header=told)
                    line += count_bytes(text[:length], "\n")
                    text = text[length:]
        yield from _read_end(pieces, line, layout)


def _skip_filler(source: BinaryIO) -> int:
    """Pass over a power cut's bytes before a file's first line; return how many."""
    # plain files and what unpacks others can all be looked ahead in; a pipe's type has no such method
    peek = getattr(source, "peek", None)
    passed = 0
    while peek is not None:
        ahead = bytes(peek(1))
        run = len(ahead) - len(ahead.lstrip(FILLER))
        # a few such bytes may be a mark of the encoding; behind a long run they are its rest
        if not run or not (passed or ahead.startswith(FILLER_RUNS)):
            break
        passed += len(source.read(run))
    return passed


class LinePieces:
    """Cuts a stream behind line ends.

    Parameters
    ----------
    source : file
        Stands at the first line.
    file : str
        What to call it in errors.
    head : bytes
        What was read of it already.

    Attributes
    ----------
    rest : bytes
        At the end: what has no line end.
    filled : int
        Bytes of NUL or 0xFF that were passed over because there was nothing else. [bytes]
    """

    def __init__(self, source: BinaryIO, file: str, head: bytes = b"") -> None:
        self._source, self._file, self._head = source, file, head
        self.rest = b""
        self.filled = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        """Return whole lines.

        Raises
        ------
        PayloadError
            A piece has no line end at all.
        """
        while piece := self._head or self._source.read(PIECE_BYTES):
            self._head = b""
            cut = piece.rfind(b"\n") + 1
            if cut:
                text, self.rest = self.rest + piece[:cut], piece[cut:]
                return text
            if not piece.strip(FILLER):
                # what a logger keeps for a table may be gigabytes; a run of it still marks where it was
                self.filled += len(piece) - len(FILLER_RUNS[0])
                piece = piece[: len(FILLER_RUNS[0])]
            self.rest += piece
            if len(self.rest) > PIECE_BYTES:
                raise PayloadError(f"{self._file}: no line end in {PIECE_BYTES} bytes: this is no text table")
        raise StopIteration


def pass_blank_lines(layout: Layout, text: bytes) -> Layout:
    """Return the layout of what follows a text: without stamps a line is a place, but for blank ones."""
    blank = 0 if layout.time_fields else blank_lines(text)
    return replace(layout, first_line=layout.first_line + blank) if blank else layout


def find_header(text: bytes, layout: Layout) -> int:
    """Return where a new header begins in lines; their length if none does. [bytes]"""
    if not layout.names_row or not layout.names:
        return len(text)
    separator = re.escape(layout.files.separator.encode())
    names = b"|".join(re.escape(name.encode()) for name in layout.names)
    field = re.compile(
        rb'(?:^|(?<=\n)|(?<=["\s]|' + separator + rb"))(?:" + names + rb')(?=["\s]|' + separator + rb"|$)"
    )
    wanted = {*layout.names}
    origin = ORIGIN.search(text)
    end = origin.start() if origin else len(text)
    place = 0
    while found := field.search(text, place):
        begin = text.rfind(b"\n", 0, found.start()) + 1
        place = text.find(b"\n", found.end()) + 1 or len(text)
        line = text[begin:place].decode("utf-8", "replace").strip()
        fields = {one.strip().strip('"').strip() for one in line.split(layout.files.separator)}
        if len(fields & wanted) >= min(2, len(wanted)):
            for _ in range(layout.names_row - 1):
                begin = text.rfind(b"\n", 0, max(0, begin - 1)) + 1
            return min(begin, end)
    return end


def find_uncounted(text: bytes, layout: Layout) -> int:
    """Return where, among records without times, a line begins that may be several, or a part of one. [bytes]"""
    if layout.time_fields:
        return len(text)
    plain = with_plain_separators(text, layout.files)
    place = 0
    for before, line in zip(text.split(b"\n")[:-1], plain.split(b"\n")[:-1], strict=True):
        if line.strip() and (has_filler(line) or count_fields(line, layout.files.separator) != layout.fields):
            return place
        place += len(before) + 1
    return len(text)


def _ends_badly(text: bytes, layout: Layout) -> bool:
    """Tell whether the last lines are not all records, so that a header may begin there."""
    if layout.names_row < 2:
        return False
    lines = text.rsplit(b"\n", layout.names_row)[-layout.names_row : -1]
    tail = b"".join(line + b"\n" for line in lines)
    return len(parse_lines(tail, layout.first_line, layout, "", lambda _: None).starts) < len(lines)


def _next_layout(
    text: bytes, line: int, before: Layout, read_layout: LayoutReader, file: str, stream: FileStream
) -> tuple[Layout, int]:
    """Read a header inside a file; return what holds from there on, and its length.

    Raises
    ------
    PayloadError
        It is none, or lacks a channel that the file had before.
    """
    source = io.BytesIO(text)
    try:
        layout = read_layout(source, file, stream)
    except PayloadError as error:
        raise PayloadError(f"it is not as the station file says ({error})") from None
    if not layout.time_fields:
        raise PayloadError("its records have no times, and the file's name says only that of the first")
    both = zip(stream.declared.channel_index, before.channel_fields, layout.channel_fields, strict=True)
    lacking = [name for name, old, new in both if old >= 0 > new]
    if lacking:
        raise PayloadError(f"it has no column {', '.join(map(repr, lacking))}")
    return replace(layout, first_line=line + layout.first_line - 1), source.tell()


def _leave_out_rest(
    text: bytes, pieces: LinePieces, line: int, file: str, reason: str, report: Report
) -> Records:  # fmt: skip
    """Leave out what follows a place behind which nothing is known of the records."""
    count = count_bytes(text, "\n") + sum(count_bytes(piece, "\n") for piece in pieces)
    report(f"{file}: line {line}: {reason}; it and the {count} lines from there are left out: cut the file there")
    nothing = np.empty(0, np.int64)
    return Records(nothing, np.empty((0, 0)), nothing, (LeftOut(reason, line, count),))


def _no_records(layout: Layout) -> tuple[Int64Array, FloatArray, Int64Array]:
    return np.empty(0, np.int64), np.empty((len(layout.channel_fields), 0)), np.empty(0, np.int64)


def _read_end(pieces: LinePieces, line: int, layout: Layout) -> Iterator[Records]:
    """Yield what stands behind the last line end: no record, for its last number may be cut and still be a number."""
    text = pieces.rest.strip(FILLER)
    filled = pieces.filled + len(pieces.rest) - len(text)
    left_out = []
    if text.strip():
        left_out.append(LeftOut("the last line has no line end, so that it may be cut", line, 1))
    if filled:
        left_out.append(LeftOut(FILLED, line, bytes=filled))
    if left_out:
        yield Records(*_no_records(layout), tuple(left_out))


def _ends_before(text: bytes, line: int, layout: Layout, start_ns: int) -> bool:
    """Tell whether a piece is over before a time, by its last line."""
    if not layout.time_fields:
        return layout.first_ns + (line - layout.first_line) * layout.dt_ns <= start_ns
    starts = _starts_within(text[text.rfind(b"\n", 0, -1) :], layout)
    return bool(starts) and max(starts) + layout.dt_ns <= start_ns


def _starts_of_both(head: bytes, tail: bytes, layout: Layout) -> list[int]:
    """Return the first and the last time of a head and a tail, read at one go; none unless both have a record."""
    first, last = _between_ends(head), _between_ends(tail)
    records = parse_lines(first + last, layout.first_line, layout, "", lambda _: None)
    from_head = records.lines < layout.first_line + first.count(b"\n")
    if not from_head.any() or from_head.all():
        return []
    return [int(records.starts.min()), int(records.starts.max())]


def _starts_within(text: bytes, layout: Layout) -> list[int]:
    """Return the first and the last time of a text."""
    starts = parse_lines(_between_ends(text), layout.first_line, layout, "", lambda _: None).starts
    return [int(starts.min()), int(starts.max())] if len(starts) else []


def _between_ends(text: bytes) -> bytes:
    """Return the lines between a text's first and last line end."""
    return text[text.find(b"\n") + 1 : text.rfind(b"\n") + 1]


def _written(layout: Layout) -> str:
    """Return how a stamp is written, where the station file says so."""
    return f" ({layout.files.time_format})" if "time_format" in layout.files.model_fields_set else ""
