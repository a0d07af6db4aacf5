"""Raw files of text, a record a line: what stretch of time one covers, and its records piece by piece.

A piece is a few megabytes of lines, so memory does not grow with a file's length.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Literal

from core.errors import PayloadError
from ingest.files.format import FileFormat, FileStream
from ingest.files.layouts import Layout
from ingest.files.opening import opened
from ingest.files.records import Records, Report, Span, blank_lines, check_clock, comma_hint, count_bytes, parse_lines

PIECE_BYTES = 1 << 22
"""Bytes read at once; a half-hour of ten channels at 20 Hz is three to four million."""
TAIL_BYTES = 1 << 16
"""Bytes that are looked at for the first and the last stamp, if a sixteenth of them does not have one."""


LayoutReader = Callable[[BinaryIO, str, FileStream], Layout]
"""``(source, file, stream) -> layout`` of one format: reads the header, so that ``source`` then stands at the first
record; a ``PayloadError`` that names file, line and remedy if it is not what the station file says."""


def text_format(
    read_layout: LayoutReader,
    *,
    whole_last_line: bool = True,
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
    whole_last_line : bool
        Whether a last line without a line end is a record like the others; else it is left out.
    stamps, clock_utc, described, start
        As in ``FileFormat``.
    """

    def read(span: Span, stream: FileStream, start_ns: int, report: Report) -> Generator[Records, None, None]:
        return read_records(span, stream, start_ns, report, read_layout, whole_last_line=whole_last_line)

    def find(path: Path, stream: FileStream) -> Span:
        return find_span(path, stream, read_layout, whole_last_line=whole_last_line)

    return FileFormat(find, read, stamps, clock_utc, described, start)


def find_span(path: Path, stream: FileStream, read_layout: LayoutReader, *, whole_last_line: bool = True) -> Span:
    """Look at the first and the last lines of a file; as ``raw.find_span``."""
    with opened(path) as one:
        source = one.stream
        layout = read_layout(source, path.name, stream)
        head = source.read(TAIL_BYTES)
        if not head:
            raise PayloadError(f"{path.name}: line {layout.first_line}: no record after the header: remove the file")
        tail = head
        if not layout.time_fields:
            pieces = _whole_lines(source, path.name, finished=whole_last_line, head=head)
            lines = sum(count_bytes(text, "\n") - blank_lines(text) for text in pieces)
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
    span: Span, stream: FileStream, start_ns: int, report: Report, read_layout: LayoutReader, *, whole_last_line: bool
) -> Generator[Records, None, None]:
    """Yield a file's records piece by piece; as ``raw.read_records``."""
    file = span.path.name
    with opened(span.path) as one:
        source = one.stream
        layout = read_layout(source, file, stream)
        for note in layout.notes:
            report(note)
        if stream.layout.end:
            layout = replace(layout, first_ns=span.start_ns)
        line = layout.first_line
        newest: int | None = None
        for text in _whole_lines(source, file, finished=whole_last_line):
            lines = count_bytes(text, "\n")
            # without stamps a record's place is its line's; blank lines have none, so what follows moves up
            blank = 0 if layout.time_fields else blank_lines(text)
            if start_ns > span.start_ns and _ends_before(text, line + lines, layout, start_ns):
                line += lines
                layout = replace(layout, first_line=layout.first_line + blank) if blank else layout
                continue
            records = parse_lines(text, line, layout, file, report)
            line += lines
            layout = replace(layout, first_line=layout.first_line + blank) if blank else layout
            if len(records.starts):
                check_clock(records, newest, file, report)
                newest = int(records.starts[-1])
                yield records


def _whole_lines(source: BinaryIO, file: str, *, finished: bool, head: bytes = b"") -> Iterator[bytes]:
    """Cut a stream behind line ends, ``head`` being what was read of it; ``finished`` takes a last line without end."""
    rest = b""
    while piece := head or source.read(PIECE_BYTES):
        head = b""
        cut = piece.rfind(b"\n") + 1
        if not cut and len(piece) == PIECE_BYTES:
            raise PayloadError(f"{file}: no line end in {PIECE_BYTES} bytes: this is no text table")
        if cut:
            yield rest + piece[:cut]
            rest = b""
        rest += piece[cut:]
    if rest and finished:
        yield rest + b"\n"


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
