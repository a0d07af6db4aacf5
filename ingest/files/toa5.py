"""TOA5, Campbell Scientific's table file: four header lines, quoted CSV, ``"NAN"``, stamps at interval ENDs."""

from __future__ import annotations

import gzip
import io
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from core.errors import ConfigError, PayloadError
from ingest.files.header import HEADER_LINES, MISSING_WORDS, PACKED_BEGINNINGS, TIMESTAMP, parse_header, require_single

MAX_BYTES = 1 << 30
"""Largest file content, unpacked. [bytes]"""


@dataclass(frozen=True, slots=True)
class Table:
    """A TOA5 table.

    Attributes
    ----------
    station, model, table : str
        Station name, logger model and table name of the header.
    names, units, process : tuple of str
        A column each, as in the header.
    frame : polars.DataFrame
        ``TIMESTAMP`` in naive logger time, END of the interval, microseconds; every other column float64, missing
        is NaN.
    """

    station: str
    model: str
    table: str
    names: tuple[str, ...]
    units: tuple[str, ...]
    process: tuple[str, ...]
    frame: pl.DataFrame


def read(path: Path) -> Table:
    """Read a TOA5 file, plain or gzip.

    Raises
    ------
    ConfigError
        The file cannot be opened.
    PayloadError
        It is no TOA5; names file and line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(str(path), "(file)", "a readable file", str(error)) from None
    if content.startswith(b"\x1f\x8b"):
        content = _unzip(content, path.name)
    return parse(content, path.name)


def parse(content: bytes, file: str) -> Table:
    """Read the content of a TOA5 file.

    A last line without a line end is one that the logger had not finished: its last number may be cut, it is left out.

    Parameters
    ----------
    content : bytes
        Unpacked.
    file : str
        What to call it in errors.

    Raises
    ------
    PayloadError
        It is no TOA5; names file and line.
    """
    lines = content.split(b"\n", HEADER_LINES)
    origin, names, units, process = parse_header(lines[:HEADER_LINES], file)
    require_single(names, names, f"{file}: line 2")
    body = _whole_lines(lines[HEADER_LINES] if len(lines) > HEADER_LINES else b"", len(names), file)
    frame = _frame(body, names, file)
    return Table(origin[1], origin[2], origin[7], tuple(names), tuple(units), tuple(process), frame)


def _unzip(content: bytes, file: str) -> bytes:
    try:
        with gzip.open(io.BytesIO(content)) as stream:
            unpacked = stream.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise PayloadError(f"{file}: damaged gzip: {error}") from None
    if len(unpacked) > MAX_BYTES:
        raise PayloadError(f"{file}: more than {MAX_BYTES} bytes unpacked: split it")
    return unpacked


def _whole_lines(body: bytes, fields: int, file: str) -> bytes:
    """Check that every line has all its fields: a short one would shift values or lose them without a word."""
    body = body[: body.rfind(b"\n") + 1]
    text = np.frombuffer(body, np.uint8)
    ends = np.flatnonzero(text == ord("\n"))
    quoted = np.logical_xor.accumulate(text == ord('"'))
    commas = np.cumsum((text == ord(",")) & ~quoted)[ends]
    counts = np.diff(commas, prepend=0) + 1
    wrong = np.flatnonzero(counts != fields)
    if len(wrong):
        line = HEADER_LINES + 1 + int(wrong[0])
        raise PayloadError(f"{file}: line {line}: expected {fields} fields as in line 2, got {int(counts[wrong[0]])}")
    return body


def _frame(body: bytes, names: list[str], file: str) -> pl.DataFrame:
    types: dict[str, pl.DataType] = {TIMESTAMP: pl.Datetime("us")} | {name: pl.Float64() for name in names[1:]}
    if not body:
        return pl.DataFrame(schema=types)
    if body.startswith(PACKED_BEGINNINGS):
        raise PayloadError(f"{file}: line {HEADER_LINES + 1}: no line of text")
    try:
        text = pl.read_csv(body, has_header=False, infer_schema=False, new_columns=names)
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise PayloadError(f"{file}: no valid CSV: {str(error).splitlines()[0]}") from None
    given = text.select(pl.all().str.strip_chars())
    frame = given.select(
        pl.col(TIMESTAMP).str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False),
        *(
            pl.when(~pl.col(name).is_in(MISSING_WORDS)).then(pl.col(name)).cast(pl.Float64, strict=False)
            for name in names[1:]
        ),
    )
    for name in names:
        bad = frame[name].is_null() & (~given[name].is_in(MISSING_WORDS) if name != TIMESTAMP else True)
        line = bad.fill_null(False).arg_max() if bad.any() else None
        if line is not None:
            expected = "a stamp like 2026-07-01 00:30:00" if name == TIMESTAMP else "a number"
            got = ascii(given[name][line])[:80]
            raise PayloadError(f"{file}: line {HEADER_LINES + 1 + line}: {name}: expected {expected}, got {got}")
    return frame.with_columns(pl.col(names[1:]).fill_null(float("nan")))
