"""TOB1, Campbell Scientific's binary table: a header, then records, each with its time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.clock import NS
from core.errors import PayloadError
from ingest.files.campbell import EPOCH_NS, Header
from ingest.files.records import FILLER, LeftOut

Int64Array = NDArray[np.int64]
WHOLE = ("ULONG", "LONG", "UINT4", "INT4")
"""Types of whole seconds and nanoseconds; the CR5000 writes the latter two."""
LOOKAHEAD = 3
"""Records that must follow each other in time where reading goes on behind damage."""
MAX_STEP_NS = 3600 * NS
"""Behind a jump of the clock records follow each other within this, if they are records. [ns]"""
NO_RECORDS = "bytes that are no records: is the file damaged there?"
PIECE_BYTES = 1 << 22
"""Bytes read at once."""


def check(header: Header, file: str) -> None:
    """Refuse a table whose records have no time.

    Raises
    ------
    PayloadError
        There are no columns ``SECONDS`` and ``NANOSECONDS``.
    """
    for name in ("SECONDS", "NANOSECONDS"):
        if name not in header.names or header.types[header.names.index(name)] not in WHOLE:
            raise PayloadError(
                f"{file}: line 2: no column {name} of a whole number ({', '.join(WHOLE)}), so records have no times: "
                "convert the file to TOB1 with stamps"
            )


def ends(source: BinaryIO, header: Header, size: int) -> tuple[int, int] | None:
    """Return the first and the last stamp of a file that can be sought in; None without a record.

    Parameters
    ----------
    source : file
        Anywhere.
    size : int
        Of the whole file. [bytes]

    Returns
    -------
    first, last : int
        In the logger's time. [ns since 1970]
    """
    width = header.record.itemsize
    count = (size - header.length) // width
    if count < 1:
        return None
    stamps = []
    for number in (0, count - 1):
        source.seek(header.length + number * width)
        stamps.append(int(_stamps(np.frombuffer(source.read(width), header.record), header)[0]))
    return stamps[0], stamps[1]


def pieces(
    source: BinaryIO, header: Header, dt_ns: int, damage: list[LeftOut]
) -> Iterator[tuple[Int64Array, NDArray[np.void], int]]:
    """Yield (stamps in the logger's time [ns since 1970], records, number of the first one from 1).

    Where bytes are missing or foreign, so that what stands there is no record, reading goes on at the next place where
    records follow each other again. A last record that is not whole is one that the logger had not finished, and is
    left out.

    Parameters
    ----------
    source : file
        Can be sought in.
    header : Header
        Of the file.
    dt_ns : int
        Declared time between records. [ns]
    damage : list of LeftOut
        Takes what was passed over.
    """
    source.seek(header.length)
    width = header.record.itemsize
    far_ns = max(86_400 * NS, 100 * dt_ns)
    number, passed, data, ended = 1, 0, b"", False
    previous: int | None = None
    usual: int | None = None
    while not ended:
        piece = source.read(PIECE_BYTES)
        ended, data, at = not piece, data + piece, 0
        ahead = 0 if ended else LOOKAHEAD
        while (count := (len(data) - at) // width - ahead) > 0:
            records = np.frombuffer(data, header.record, count + ahead, at)
            stamps = _stamps(records, header)
            bad = _stand_alone(stamps, previous, far_ns, cut=ended and len(data) % width != at % width) | (
                records[_field(header, "NANOSECONDS")] >= NS
            )
            # NULs of a power cut that began within a record
            for i in np.flatnonzero(stamps[1:] == EPOCH_NS):
                bad[i + 1] |= not records[i].tobytes()[-1] and stamps[i] != EPOCH_NS
            if ended and bad.size and (rest := data[at + bad.size * width :]) and not rest.strip(FILLER):
                # its last bytes may be such ones, too
                bad[-1] |= records[-1].tobytes()[-1] in FILLER
            # the record before may have lost its end: its stamp is right, its values are not
            damaged = bool(bad[: count + 1].any())
            whole = max(0, int(bad.argmax()) - 1) if damaged else count
            if usual is None:
                usual = int(np.median(stamps[: max(1, whole)]))
            if whole:
                if passed:
                    damage.append(LeftOut(NO_RECORDS, number, bytes=passed))
                    passed = 0
                yield stamps[:whole], records[:whole], number
                number, at, previous = number + whole, at + whole * width, int(stamps[whole - 1])
            if not damaged:
                break
            found = _next_record(data[at:], header, usual, dt_ns)
            skipped = found or max(1, len(data) - at - (0 if ended else LOOKAHEAD * width))
            passed, at = passed + skipped, at + skipped
        data = data[at:]
    if passed:
        damage.append(LeftOut(NO_RECORDS, number, bytes=passed))
    if data:
        damage.append(LeftOut("the last record is not whole: the logger had not finished it", number, bytes=len(data)))


def _stand_alone(stamps: Int64Array, previous: int | None, far_ns: int, *, cut: bool) -> NDArray[np.bool_]:
    """Tell which records are far in time from the one before and not in step with the next: their bytes are shifted."""
    steps = np.diff(stamps)
    first = previous is not None and abs(int(stamps[0]) - previous) > far_ns
    in_step = (steps >= 0) & (steps <= min(far_ns, MAX_STEP_NS))
    alone: NDArray[np.bool_] = np.concatenate([[first], np.abs(steps) > far_ns]) & ~np.concatenate([in_step, [not cut]])
    return alone


def _next_record(data: bytes, header: Header, usual: int, dt_ns: int) -> int:
    """Return behind how many bytes three records follow each other in time; 0 if nowhere."""
    width = header.record.itemsize
    places = len(data) - LOOKAHEAD * width + 1
    if places < 2:
        return 0
    text = np.frombuffer(data, np.uint8)
    numbers = {}
    for name in ("SECONDS", "NANOSECONDS"):
        field = _field(header, name)
        kind, offset = header.record.fields[field][:2] if header.record.fields else (np.dtype("<u4"), 0)
        windows = np.lib.stride_tricks.sliding_window_view(text, 4)[offset:]
        numbers[name] = np.ascontiguousarray(windows).view(kind)[:, 0].astype(np.int64)
    times = [
        numbers["SECONDS"][i * width :][:places] * NS + numbers["NANOSECONDS"][i * width :][:places]
        for i in range(LOOKAHEAD)
    ]
    good = np.ones(places, bool)
    for i in range(LOOKAHEAD):
        good &= numbers["NANOSECONDS"][i * width :][:places] < NS
    for one, following in pairwise(times):
        good &= (following > one) & (following - one <= 5 * dt_ns // 2)
    good &= np.abs(times[0] + EPOCH_NS - usual) <= 366 * 86_400 * NS
    good[0] = False
    return int(good.argmax()) if good.any() else 0


def _field(header: Header, name: str) -> str:
    return f"f{header.names.index(name)}"


def _stamps(records: NDArray[np.void], header: Header) -> Int64Array:
    seconds, fraction = (records[_field(header, name)].astype(np.int64) for name in ("SECONDS", "NANOSECONDS"))
    stamps: Int64Array = EPOCH_NS + seconds * NS + fraction
    return stamps
