"""TOB3, the binary table on a Campbell logger's memory card: a header, then frames of records.

A frame carries the time of its first record; its footer carries a stamp that says whether the logger has written it. A
card is a ring, so the oldest frame may stand anywhere; and where the card was taken out, one frame is cut into minor
ones, of which the last is filling.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.clock import NS
from ingest.files.campbell import EPOCH_NS, FRAME_FOOTER, FRAME_HEADER, Header

Int64Array = NDArray[np.int64]
FRAMES_AT_ONCE = 1024
"""Frames looked at together."""

_SIZE, _EMPTY, _MINOR = 0x7FF, 1 << 13, 1 << 14  # of a footer: length of a minor frame, without data, is a minor one


def index(source: BinaryIO, header: Header) -> NDArray[np.int64]:
    """Return where the records are, in the order of time.

    Parameters
    ----------
    source : file
        Can be sought in.

    Returns
    -------
    ndarray, shape (stretches, 3), int64
        Time of the first record in the logger's time [ns since 1970], offset of the first record [bytes], records.
    """
    found: list[NDArray[np.int64]] = [np.empty((0, 3), np.int64)]
    room = header.frame - FRAME_HEADER - FRAME_FOOTER
    offset = header.length
    source.seek(offset)
    while len(block := source.read(FRAMES_AT_ONCE * header.frame)) >= header.frame:
        frames = np.frombuffer(block, np.uint8)[: len(block) // header.frame * header.frame].reshape(-1, header.frame)
        footers = frames[:, -FRAME_FOOTER:].copy().view("<u4")[:, 0]
        written = _is_written(footers, header)
        minor = written & ((footers & _MINOR) != 0)
        whole = np.flatnonzero(written & ~minor & ((footers & _EMPTY) == 0))
        rows = np.empty((len(whole), 3), np.int64)
        rows[:, 0] = _times(frames[whole, :FRAME_HEADER], header)
        rows[:, 1] = offset + whole * header.frame + FRAME_HEADER
        rows[:, 2] = room // header.record.itemsize
        found.append(rows)
        found += [_minor_frames(frames[i], offset + int(i) * header.frame, header) for i in np.flatnonzero(minor)]
        offset += frames.size
    stretches = np.concatenate(found)
    return stretches[np.argsort(stretches[:, 0], kind="stable")]


def ends(stretches: NDArray[np.int64], header: Header) -> tuple[int, int] | None:
    """Return the first and the last stamp; None without a record. [ns since 1970, logger's time]"""
    if not len(stretches):
        return None
    last = stretches[:, 0] + (stretches[:, 2] - 1) * header.step_ns
    return int(stretches[0, 0]), int(last.max())


def pieces(
    source: BinaryIO, header: Header, stretches: NDArray[np.int64]
) -> Iterator[tuple[Int64Array, NDArray[np.void], int]]:
    """Yield, in order of time, (stamps in the logger's time [ns since 1970], records, number of the first from 1)."""
    number = 1
    for some in np.array_split(stretches, max(1, len(stretches) // FRAMES_AT_ONCE)):
        stamps, records = [], []
        for start, offset, count in some.tolist():
            source.seek(offset)
            records.append(np.frombuffer(source.read(count * header.record.itemsize), header.record))
            stamps.append(start + np.arange(len(records[-1]), dtype=np.int64) * header.step_ns)
        if records:
            joined = np.concatenate(records)
            yield np.concatenate(stamps), joined, number
            number += len(joined)


def _is_written(footers: NDArray[np.uint32], header: Header) -> NDArray[np.bool_]:
    """A frame carries the table's stamp, or that stamp's complement in every second round of the ring."""
    stamps = footers >> 16
    written: NDArray[np.bool_] = (stamps == header.stamp) | (stamps == header.stamp ^ 0xFFFF)
    return written


def _times(heads: NDArray[np.uint8], header: Header) -> Int64Array:
    """Return times out of frame headers: seconds, parts of a second, record number."""
    fields = heads.copy().view("<u4").reshape(-1, FRAME_HEADER // 4).astype(np.int64)
    times: Int64Array = EPOCH_NS + fields[:, 0] * NS + fields[:, 1] * header.resolution_ns
    return times


def _minor_frames(frame: NDArray[np.uint8], offset: int, header: Header) -> NDArray[np.int64]:
    """Return the stretches of minor frames; each one's footer says how long it is, from the end backwards."""
    rows: list[tuple[int, int, int]] = []
    end = len(frame)
    filling = True
    while end >= FRAME_HEADER + FRAME_FOOTER:
        footer = frame[end - FRAME_FOOTER : end].copy().view("<u4")
        length = int(footer[0]) & _SIZE
        if not _is_written(footer, header)[0] or not FRAME_HEADER + FRAME_FOOTER <= length <= end:
            break
        start = end - length
        count = (length - FRAME_HEADER - FRAME_FOOTER) // header.record.itemsize
        if not filling and count and not int(footer[0]) & _EMPTY:
            time = int(_times(frame[start : start + FRAME_HEADER], header)[0])
            rows.append((time, offset + start + FRAME_HEADER, count))
        filling = False
        end = start
    return np.array(rows, np.int64).reshape(-1, 3)
