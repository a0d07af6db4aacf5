"""Raw files of blanks: nanoseconds since 1970 by the file's clock, then a number for each channel of the stream."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import numpy as np

from core.errors import PayloadError
from ingest.files.format import FileExample, FileFormat, FileStream
from ingest.files.opening import opened
from ingest.files.records import Int64Array, Records, Report, Span

MOST_BYTES = 1 << 24


def find_span(path: Path, stream: FileStream) -> Span:
    """Return the stretch of time that a file covers."""
    starts, _ = _read(path, stream)
    return Span(path, int(starts.min()), int(starts.max()) + stream.declared.dt_ns)


def read_records(span: Span, stream: FileStream, start_ns: int, report: Report) -> Generator[Records, None, None]:
    """Yield the records of a file; it is short enough to be read at once."""
    starts, values = _read(span.path, stream)
    yield Records(starts, values, np.arange(1, len(starts) + 1))


def _read(path: Path, stream: FileStream) -> tuple[Int64Array, np.ndarray]:
    with opened(path) as one:
        content = one.stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise PayloadError(f"{path.name}: more than {MOST_BYTES} bytes: split it")
    lines = content.splitlines()
    try:
        stamps = np.array([int(line.split(b" ")[0]) for line in lines], np.int64)
        values = np.array([[float(word) for word in line.split(b" ")[1:]] for line in lines]).T
    except (ValueError, OverflowError) as error:
        raise PayloadError(f"{path.name}: no rows of numbers: {str(error)[:100]!a}") from None
    if len(values) != len(stream.declared.channels):
        raise PayloadError(f"{path.name}: line 1: expected {len(stream.declared.channels)} numbers, got {len(values)}")
    values[~np.isfinite(values)] = np.nan
    return stamps + stream.shift_ns, values


FORMAT = FileFormat(
    find_span,
    read_records,
    clock_utc=True,
    examples=(
        FileExample(
            "t.rows",
            """
            [[stream]]
            name = "ec"
            kind = "block"
            rate = 20
            channels = [{ name = "w", variable = "W", unit = "m s-1" }]
            [files]
            format = "toy_rows"
            """,
            (b"1718888400000000000 0.5\n1718888400050000000 -0.25\n",),
        ),
    ),
)
