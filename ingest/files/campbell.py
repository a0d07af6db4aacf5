"""Campbell Scientific's binary tables: what the header of a TOB1 or TOB3 says, and values out of its bytes.

The layouts are those of LoggerNet's manual, appendix "Campbell Scientific File Formats".
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.clock import NS
from core.errors import PayloadError
from core.records import FloatArray
from ingest.files.header import decode_text, fit_to

EPOCH_NS = 631_152_000 * NS
"""Campbell's clocks count from 1990-01-01. [ns since 1970]"""
MAX_LINE_BYTES = 1 << 16
"""A header line longer than this is none. [bytes]"""
MAX_RECORD_BYTES = 1 << 14
"""[bytes]"""
MAX_FRAME_BYTES = 1 << 20
"""[bytes]"""
MAX_TIME = 100 * 366 * 86_400 * NS
"""[ns]"""
FRAME_HEADER, FRAME_FOOTER = 12, 4
"""Of a TOB3's frame. [bytes]"""

TYPES = {
    "IEEE4": "<f4", "IEEE4B": ">f4", "IEEE8": "<f8", "IEEE8B": ">f8", "FP2": ">u2",
    "USHORT": "<u2", "SHORT": "<i2", "ULONG": "<u4", "LONG": "<i4",
    "UINT2": ">u2", "INT2": ">i2", "UINT4": ">u4", "INT4": ">i4",
    "BOOL": "u1", "BOOL8": "u1", "BOOL2": "<u2", "BOOL4": "<u4", "SECNANO": "<u8", "NSEC": ">u8",
}  # fmt: skip
"""Campbell's type -> numpy's; some are little-endian, some big-endian, whatever the logger."""

_RESOLUTIONS = {"SecMsec": NS // 1000, "Sec100Usec": NS // 10_000, "Sec10Usec": NS // 100_000, "SecUsec": NS // 10**6}
_STEPS = {"NSEC": 1, "USEC": 10**3, "MSEC": 10**6, "SEC": NS, "MIN": 60 * NS, "HOUR": 3600 * NS, "HR": 3600 * NS}


@dataclass(frozen=True, slots=True)
class Header:
    """The ASCII lines before the bytes.

    Attributes
    ----------
    kind : str
        ``TOB1`` or ``TOB3``.
    names, units, types : tuple of str
        A column each.
    record : dtype
        One record, a field a column: ``f0 f1 ...``.
    length : int
        Of the header; the first record or frame follows. [bytes]
    step_ns : int
        TOB3: time between records. [ns]
    frame : int
        TOB3: length of a frame with its header and footer. [bytes]
    stamp : int
        TOB3: what the footer of a frame that is whole carries.
    resolution_ns : int
        TOB3: unit of the second half of a frame's time. [ns]
    """

    kind: str
    names: tuple[str, ...]
    units: tuple[str, ...]
    types: tuple[str, ...]
    record: np.dtype[np.void]
    length: int
    step_ns: int = 0
    frame: int = 0
    stamp: int = 0
    resolution_ns: int = 0


def read_header(source: BinaryIO, file: str, kind: str) -> Header:
    """Read the header; ``source`` then stands at the first byte behind it.

    Raises
    ------
    PayloadError
        It is no such file, or has a type that is not known; names file and line.
    """
    rows: list[list[str]] = []
    length = 0
    for number in range(1, 7 if kind == "TOB3" else 6):
        line = source.readline(MAX_LINE_BYTES)
        length += len(line)
        if not line and number == 1:
            raise PayloadError(f"{file}: line 1: the file is empty: remove it or fetch it from the logger anew")
        rows.append(_fields(line, number, file))
        if number == 1 and rows[0][:1] != [kind]:
            got = ascii(rows[0][0])[:40] if rows[0] else "nothing"
            raise PayloadError(
                f'{file}: line 1: expected "{kind}", got {got}: correct [files] format in the station file'
            )
    names, units, _process, types = rows[-4:]
    units = fit_to(len(names), units, f"{file}: line {len(rows) - 2}", len(rows) - 3)
    if len(types) != len(names):
        raise PayloadError(
            f"{file}: line {len(rows)}: expected {len(names)} fields as the line of names has, got {len(types)}"
        )
    kinds = tuple(word.strip().upper() for word in types)
    record = np.dtype([(f"f{i}", _numpy_type(word, len(rows), file)) for i, word in enumerate(kinds)])
    if record.itemsize > MAX_RECORD_BYTES:
        raise PayloadError(f"{file}: line {len(rows)}: a record of {record.itemsize} bytes: is the header damaged?")
    header = Header(kind, tuple(names), tuple(units), kinds, record, length)
    return _with_frames(header, rows[1], file) if kind == "TOB3" else header


def _with_frames(header: Header, about: Sequence[str], file: str) -> Header:
    """Add what the second line of a TOB3 says: table, record interval, frame size, table size, stamp, resolution."""
    try:
        interval, frame, stamp, resolution = about[1], int(about[2]), int(about[4]), _RESOLUTIONS[about[5].strip()]
        found = re.fullmatch(r"\s*(\d+)\s*([A-Z]+)\s*", interval)
        step_ns = int(found[1]) * _STEPS[found[2]] if found else 0
    except (IndexError, ValueError, KeyError) as error:
        raise PayloadError(
            f"{file}: line 2: expected table, interval, frame size, table size, validation stamp and time resolution; "
            f"cannot read {error}: is the file damaged?"
        ) from None
    room = frame - FRAME_HEADER - FRAME_FOOTER
    if not header.record.itemsize <= room <= MAX_FRAME_BYTES:
        raise PayloadError(
            f"{file}: line 2: a frame of {frame} bytes does not fit records of {header.record.itemsize}: is the "
            "header damaged?"
        )
    if room // header.record.itemsize * step_ns > MAX_TIME:
        raise PayloadError(
            f"{file}: line 2: with {interval[:40]!a} between records a frame covers more than a century: is the header "
            "damaged?"
        )
    if step_ns <= 0:
        raise PayloadError(
            f"{file}: line 2: records without an interval ({interval!a}) have no times of their own: convert the file "
            "to TOB1 or TOA5 with stamps"
        )
    return Header(
        header.kind, header.names, header.units, header.types, header.record, header.length,
        step_ns, frame, stamp & 0xFFFF, resolution,
    )  # fmt: skip


def column(records: NDArray[np.void], header: Header, index: int) -> FloatArray:
    """Return one column as float64; NaN is missing. [sender's unit]

    Text has no value: all NaN.
    """
    kind, raw = header.types[index], records[f"f{index}"]
    values: FloatArray
    if kind == "FP2":
        return decode_fp2(raw)
    if kind.startswith("ASCII") or kind in ("SECNANO", "NSEC"):
        return np.full(len(raw), np.nan)
    if kind.startswith("BOOL"):
        values = (raw != 0).astype(np.float64)
        return values
    with np.errstate(invalid="ignore"):  # some bytes are a NaN that warns when it is widened
        values = raw.astype(np.float64)
    values[~np.isfinite(values)] = np.nan
    return values


def decode_fp2(raw: NDArray[np.uint16]) -> FloatArray:
    """Return the values of FP2: a sign, two bits of negative decimal exponent, 13 bits of mantissa.

    Its range ends at 7999; what lies beyond is how loggers write NAN and INF, and is NaN here.
    """
    mantissa = (raw & 0x1FFF).astype(np.float64)
    # a division, as 10^-k is no binary number: 1234/1000 is the double nearest to 1.234
    values = mantissa / np.array([1.0, 10.0, 100.0, 1000.0])[(raw >> 13) & 3]
    values[values > 7999] = np.nan
    result: FloatArray = np.where(raw >> 15, -values, values)
    return result


def _numpy_type(word: str, line: int, file: str) -> str:
    text = re.fullmatch(r"ASCII\((\d{1,4})\)", word)
    if text and int(text[1]) > 0:
        return f"S{int(text[1])}"
    try:
        return TYPES[word]
    except KeyError:
        raise PayloadError(
            f"{file}: line {line}: unknown type {ascii(word)[:40]}: known are ASCII(n), {', '.join(TYPES)}: convert "
            "the file to TOA5"
        ) from None


def _fields(line: bytes, number: int, file: str) -> list[str]:
    try:
        if not line.endswith(b"\n"):
            raise ValueError("no line end")
        return next(csv.reader([decode_text(line).rstrip("\r\n")], strict=True), [])
    except (ValueError, csv.Error) as error:
        raise PayloadError(f"{file}: line {number}: this is no header of a Campbell table: {error}") from None
