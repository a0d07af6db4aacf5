"""Raw records out of lines of text: at full speed where every line is whole, with care where one is not."""

from __future__ import annotations

import csv
import re
from dataclasses import replace

import numpy as np
import polars as pl

from core.records import FloatArray
from core.station import FileLayout
from ingest.files import kernels
from ingest.files.header import MISSING_WORDS, PACKED_BEGINNINGS
from ingest.files.layouts import BLANK, Layout, missing_numbers
from ingest.files.records import FILLED, FILLER, FILLER_RUNS, Int64Array, LeftOut, Records, Report
from ingest.files.stamps import ISO, read_stamps

MAX_HARD_NUMBERS = 64
"""Numbers of very many digits are read one by one if they are no more than this, and than one in as many lines."""


class _NotWhole(Exception):
    """A line is not like the others: it needs the careful way."""


def parse_lines(text: bytes, line: int, layout: Layout, file: str, report: Report) -> Records:
    """Read whole lines.

    A line with too few or too many fields, no stamp, or a word where a number should be is left out and reported.

    Parameters
    ----------
    text : bytes
        Lines, each with its end.
    line : int
        Number of the first line.
    layout : Layout
        What the fields are.
    file : str
        What to call it in reports.
    report : callable
        Takes what is wrong in words.
    """
    text = with_plain_separators(text, layout.files)
    records = parse_alike(text, line, layout)
    if records is not None:
        return records
    try:
        return _parse_whole(text, line, layout)
    except (_NotWhole, pl.exceptions.PolarsError, UnicodeDecodeError):
        return _parse_careful(text, line, layout, file, report)


def with_plain_separators(text: bytes, files: FileLayout) -> bytes:
    """Return lines with a point in their numbers and one separator between fields; line ends stay where they are."""
    if files.separator == BLANK:
        text = re.sub(rb"(?m)^ +| +(?=\r?$)", b"", re.sub(rb"[ \t]+", b" ", text))
    return text.replace(b",", b".") if files.decimal == "," else text


def parse_alike(text: bytes, line: int, layout: Layout) -> Records | None:
    """Read lines that are as loggers write them; None if one of them, or the layout, is of another kind."""
    if layout.time_fields and layout.files.time_format != f"{ISO}%.f":
        return None
    text = with_plain_separators(text, layout.files)
    if has_filler(text):
        return None
    if len(layout.time_fields) > 1 or {*layout.time_fields} & {*layout.channel_fields} or not text.endswith(b"\n"):
        return None
    fields = np.full(layout.fields, kernels.SKIPPED_FIELD)
    for row, field in enumerate(layout.channel_fields):
        if field >= 0:
            fields[field] = row
    fields[list(layout.time_fields)] = kernels.STAMP_FIELD
    words = [word.encode() for word in _missing_words(layout)]
    characters = np.frombuffer(text, np.uint8)
    height = count_bytes(text, "\n")
    starts = np.empty(height, np.int64)
    values = np.full((len(layout.channel_fields), height), np.nan)
    hard = np.empty((MAX_HARD_NUMBERS + height // MAX_HARD_NUMBERS, 4), np.int64)
    left = kernels.read_table(
        characters,
        ord(layout.files.separator),
        fields,
        np.frombuffer(b"".join(words), np.uint8),
        np.cumsum([len(word) for word in words]),
        starts,
        values,
        hard,
    )
    if left < 0:
        return None
    for row, place, first, last in hard[:left]:
        values[row, place] = float(text[first:last])
    if not np.isfinite(values[hard[:left, 0], hard[:left, 1]]).all():
        return None
    return _finish(starts if layout.time_fields else None, values, np.arange(height), line, layout)


def comma_hint(line: bytes, files: FileLayout) -> str:
    """Return what to do about a line whose numbers have a decimal comma that is not declared; mostly nothing."""
    if files.decimal == "," or files.separator == "," or not re.search(rb"\d,\d", line):
        return ""
    return 'its numbers have a decimal comma: say `decimal = ","` under [files]'


def blank_lines(text: bytes) -> int:
    """Count the lines of a text that are blank: they are no records."""
    if not re.search(rb"(?:\A|\n)[ \t\r]*\n", text):
        return 0
    return sum(not one.strip() for one in text.split(b"\n")[:-1])


def _parse_whole(text: bytes, line: int, layout: Layout) -> Records:
    height = count_bytes(text, "\n")
    separators = count_bytes(text, layout.files.separator)
    # no line may have more fields than the schema, so the right total means the right number in each
    if (
        separators != height * (layout.fields - 1)
        or b"\r" in text
        or text.startswith(PACKED_BEGINNINGS)
        or has_filler(text)
    ):
        raise _NotWhole
    channels = {field for field in layout.channel_fields if field >= 0}
    kinds = {f"column_{i + 1}": pl.Float64() if i in channels else pl.String() for i in range(layout.fields)}
    frame = pl.read_csv(
        text,
        separator=layout.files.separator,
        has_header=False,
        schema=kinds,
        columns=sorted({*channels, *layout.time_fields}),
        null_values=_missing_words(layout),
    )
    if frame.height != height:
        raise _NotWhole
    rows = np.arange(height)
    stamps = _stamps(frame, layout)
    if stamps is not None and stamps.null_count():
        raise _NotWhole
    return _records(frame, stamps, rows, line, layout)


def count_bytes(text: bytes, character: str) -> int:
    """Count a character; ten times as fast as ``bytes.count`` where it is frequent."""
    return kernels.count(np.frombuffer(text, np.uint8), ord(character))


def has_filler(line: bytes) -> bool:
    """Tell whether a line was damaged by a power cut: what is left of it may look whole and be cut."""
    return any(run in line for run in FILLER_RUNS)


def _parse_careful(text: bytes, line: int, layout: Layout, file: str, report: Report) -> Records:
    lines = text.split(b"\n")[:-1]
    whole = [
        count_fields(one, layout.files.separator) == layout.fields
        and not one.startswith(PACKED_BEGINNINGS)
        and not has_filler(one)
        for one in lines
    ]
    rows = np.flatnonzero(whole)
    kept = b"".join(lines[i].rstrip(b"\r") + b"\n" for i in rows)
    names = [f"column_{i + 1}" for i in range(layout.fields)]
    schema = dict.fromkeys(names, pl.String())
    frame = pl.DataFrame(schema=schema)
    if kept:
        frame = pl.read_csv(
            kept, separator=layout.files.separator, has_header=False, schema=schema, encoding="utf8-lossy"
        )
    given = frame.select(pl.all().str.strip_chars())
    channels = [f"column_{field + 1}" for field in layout.channel_fields if field >= 0]
    words = _missing_words(layout)
    given = given.with_columns(pl.when(~pl.col(name).is_in(words)).then(pl.col(name)).alias(name) for name in channels)
    numbers = given.with_columns(pl.col(channels).cast(pl.Float64, strict=False))
    bad = np.zeros(numbers.height, bool)
    for name in channels:
        bad |= (numbers[name].is_null() & given[name].is_not_null()).to_numpy()
    stamps = _stamps(numbers, layout)
    if stamps is not None:
        bad |= stamps.is_null().to_numpy()
    good = pl.Series(~bad)
    lost = sorted({*np.flatnonzero(~np.array(whole, bool)).tolist(), *rows[bad].tolist()})
    left_out = _leave_out(lost, lines, line, layout, file, report)
    kept_stamps = None if stamps is None else stamps.filter(good)
    blank = np.cumsum([not one.strip() for one in lines])
    records = _records(numbers.filter(good), kept_stamps, rows[~bad], line, layout, blank[rows[~bad]])
    return replace(records, left_out=left_out)


def _leave_out(
    lost: list[int], lines: list[bytes], line: int, layout: Layout, file: str, report: Report
) -> tuple[LeftOut, ...]:
    """Report lines that are no records, and count them; blank ones are nothing, and filler alone is bytes."""
    empty = sum(len(lines[i]) + 1 for i in lost if lines[i] and not lines[i].strip(FILLER))
    left_out = (LeftOut(FILLED, line, bytes=empty),) if empty else ()
    lost = [i for i in lost if lines[i].strip(FILLER + b" \t\r")]
    if not lost:
        return left_out
    fields = count_fields(lines[lost[0]], layout.files.separator)
    what = "a stamp or a number cannot be read" if fields == layout.fields else f"{fields} fields"
    what = "bytes of a power cut" if has_filler(lines[lost[0]]) else what
    expected = f"expected {layout.fields} fields with a stamp and numbers"
    first = lines[lost[0]][:60].decode("ascii", "backslashreplace")
    count = "one record is" if len(lost) == 1 else f"{len(lost)} records are"
    remedy = comma_hint(lines[lost[0]], layout.files) or "correct the file, or name its marks under [files] missing"
    report(f"{file}: line {line + lost[0]}: {expected}, got {what}: {first!a}; {count} left out: {remedy}")
    return (LeftOut(expected, line + lost[0], len(lost)), *left_out)


def _records(
    frame: pl.DataFrame,
    stamps: pl.Series | None,
    rows: Int64Array,
    line: int,
    layout: Layout,
    blank: Int64Array | None = None,
) -> Records:
    """Make records of whole lines; ``blank`` counts the blank lines before each, which are no samples."""
    values = np.full((len(layout.channel_fields), len(rows)), np.nan)
    for row, field in zip(values, layout.channel_fields, strict=True):
        if field >= 0:
            row[:] = frame[f"column_{field + 1}"].to_numpy()
    values[~np.isfinite(values)] = np.nan
    return _finish(None if stamps is None else stamps.to_numpy() * 1000, values, rows, line, layout, blank)


def _finish(
    stamps: Int64Array | None,
    values: FloatArray,
    rows: Int64Array,
    line: int,
    layout: Layout,
    blank: Int64Array | None = None,
) -> Records:
    """Make records of stamps [ns] and numbers; ``values`` is changed."""
    if stamps is None:
        # without stamps, a record's place is its line's, blank ones not counted
        places = rows if blank is None else rows - blank
        starts = layout.first_ns + (places + (line - layout.first_line)) * layout.dt_ns
    else:
        starts = stamps + layout.shift_ns
    for mark in missing_numbers(layout.files):
        values[values == mark] = np.nan
    return Records(starts, values, rows + line)


def _stamps(frame: pl.DataFrame, layout: Layout) -> pl.Series | None:
    """Microseconds since 1970 as the stamps say; null where one cannot be read."""
    if not layout.time_fields:
        return None
    columns = [frame[f"column_{field + 1}"] for field in layout.time_fields]
    return read_stamps(columns, layout.files.time_format)


def _missing_words(layout: Layout) -> list[str]:
    return [*MISSING_WORDS, *layout.files.missing]


def count_fields(line: bytes, separator: str) -> int:
    """Return how many fields a line has; 0 if its quotes do not match."""
    if b'"' not in line:
        return line.count(separator.encode()) + 1
    if line.count(b'"') % 2:
        return 0
    try:
        return len(next(csv.reader([line.decode("utf-8", "replace")], delimiter=separator, strict=True), []))
    except csv.Error:
        return 0
