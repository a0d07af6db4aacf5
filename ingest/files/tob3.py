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
from ingest.files.records import FILLER, LeftOut
from ingest.files.strays import MIN_EDGE, find_lone_ends, find_strays

Int64Array = NDArray[np.int64]
NO_FRAMES = "bytes that are no frames of the table: is the file damaged there?"
NEVER_WRITTEN = "frames that were never written: room that the logger had kept, or damage"
ASTRAY = "frames whose times are not those of their places: is the file damaged there?"
YEAR_NS = 366 * 86_400 * NS
FRAMES_AT_ONCE = 1024
"""Frames looked at together."""
FILLED_BYTES = 8
"""So many NULs or 0xFF at the end of a frame that was not written are no chance. [bytes]"""
MIN_FRAMES = 4
"""Of fewer frames one cannot tell whether the first or the last one has its own time."""

_SIZE, _EMPTY, _MINOR = 0x7FF, 1 << 13, 1 << 14  # of a footer: length of a minor frame, without data, is a minor one


def index(source: BinaryIO, header: Header, damage: list[LeftOut]) -> NDArray[np.int64]:
    """Return where the records are, in the order of time.

    Where bytes are missing or foreign, so that frames no longer stand at their places, reading goes on at the next ones
    that follow each other.

    Parameters
    ----------
    source : file
        Can be sought in.
    header : Header
        Of the file.
    damage : list of LeftOut
        Takes what was passed over.

    Returns
    -------
    ndarray, shape (stretches, 3), int64
        Time of the first record in the logger's time [ns since 1970], offset of the first record [bytes], records.
    """
    found: list[NDArray[np.int64]] = [np.empty((0, 3), np.int64)]
    room = header.frame - FRAME_HEADER - FRAME_FOOTER
    offset = header.length
    source.seek(offset)
    empty, end = 0, b""
    while len(block := source.read(FRAMES_AT_ONCE * header.frame)) >= header.frame:
        frames = np.frombuffer(block, np.uint8)[: len(block) // header.frame * header.frame].reshape(-1, header.frame)
        footers = frames[:, -FRAME_FOOTER:].copy().view("<u4")[:, 0]
        written = _is_written(footers, header)
        shift = 0 if written.all() else _find_shift(block, frames, written, header)
        # what was never written, or overwritten, may go on into the frame behind it
        written &= ~_begin_filled(frames, written, end)
        if shift:
            before = int(written[: shift // header.frame].sum())
            kept = shift // header.frame
            frames, footers, written = frames[:kept], footers[:kept], written[:kept]
            records = 1 + (sum(len(rows) for rows in found) + before) * (room // header.record.itemsize)
            damage.append(LeftOut(NO_FRAMES, records, bytes=shift - before * header.frame))
        else:
            empty += int(np.count_nonzero(~written)) * header.frame
        minor = written & ((footers & _MINOR) != 0)
        whole = np.flatnonzero(written & ~minor & ((footers & _EMPTY) == 0))
        rows = np.empty((len(whole), 3), np.int64)
        rows[:, 0] = _times(frames[whole, :FRAME_HEADER], header)
        rows[:, 1] = offset + whole * header.frame + FRAME_HEADER
        rows[:, 2] = room // header.record.itemsize
        found.append(rows)
        found += [_minor_frames(frames[i], offset + int(i) * header.frame, header) for i in np.flatnonzero(minor)]
        end = block[: shift or frames.size][-FILLED_BYTES:]
        offset += shift or frames.size
        if shift:
            source.seek(offset)
    if empty:
        damage.append(LeftOut(NEVER_WRITTEN, 1, bytes=empty))
    if block:
        damage.append(LeftOut("the last frame is not whole: the logger had not finished it", 1, bytes=len(block)))
    stretches = np.concatenate(found)
    stretches = _without_strays(stretches[np.argsort(stretches[:, 1])], header, damage)
    return stretches[np.argsort(stretches[:, 0], kind="stable")]


def _begin_filled(frames: NDArray[np.uint8], written: NDArray[np.bool_], end: bytes) -> NDArray[np.bool_]:
    """Tell which frames begin with the NULs or 0xFF of what stands before them, which was never written.

    ``end`` is what stands before the first one.
    """
    begin = np.zeros(len(frames), bool)
    for i in np.flatnonzero(written & np.isin(frames[:, 0], np.frombuffer(FILLER, np.uint8))).tolist():
        before = frames[i - 1, -FILLED_BYTES:].tobytes() if i else end
        begin[i] = before == frames[i, :1].tobytes() * FILLED_BYTES
    return begin


def _without_strays(rows: NDArray[np.int64], header: Header, damage: list[LeftOut]) -> NDArray[np.int64]:
    """Leave out frames of another time than those around them, which follow each other: their time is damaged.

    Parameters
    ----------
    rows : ndarray, shape (frames, 3), int64
        As ``index`` returns them, in the order of the file.
    """
    length = (header.frame - FRAME_HEADER - FRAME_FOOTER) // header.record.itemsize * header.step_ns
    places = (rows[:, 1] - header.length) * length // header.frame
    astray = find_strays(rows[:, 0], places, length / 2)
    kept = np.flatnonzero(~astray)
    if len(kept) > MIN_FRAMES:
        lone, _ = find_lone_ends(np.diff(rows[kept, 0] - places[kept]), int(MIN_EDGE * header.step_ns))
        # a card is a ring: its first frame may be the one behind its last
        closed = abs(int(rows[kept[0], 0] - rows[kept[-1], 0]) - length) <= header.step_ns
        astray[kept[0]], astray[kept[-1]] = (one and not closed for one in lone)
    for i in np.flatnonzero(astray):
        damage.append(LeftOut(ASTRAY, 1 + int(rows[:i, 2].sum()), int(rows[i, 2])))
    return rows[~astray]


def _find_shift(
    block: bytes, frames: NDArray[np.uint8], written: NDArray[np.bool_], header: Header
) -> int:  # fmt: skip
    """Return where, behind the first frame that is not written, frames stand beside their places; 0 if nowhere. [bytes]

    A ring has frames that were never written: those alone mean nothing.
    """
    text = np.frombuffer(block, np.uint8).astype(np.uint16)
    pairs = text[:-1] | text[1:] << 8
    stamped = np.flatnonzero((pairs == header.stamp) | (pairs == header.stamp ^ 0xFFFF)) + 2 - header.frame
    starts = stamped[(stamped > int(written.argmin()) * header.frame) & (stamped % header.frame != 0)]
    known = _times(frames[written, :FRAME_HEADER], header)
    length = (header.frame - FRAME_HEADER - FRAME_FOOTER) // header.record.itemsize * header.step_ns
    for start in starts[np.isin(starts + header.frame, stamped)].tolist():
        heads = (block[place : place + FRAME_HEADER] for place in (start, start + header.frame))
        first, second = (int(_times(np.frombuffer(head, np.uint8).reshape(1, -1), header)[0]) for head in heads)
        near = not len(known) or int(np.abs(known - first).min()) <= YEAR_NS
        if near and abs(second - first - length) <= header.step_ns:
            return int(start)
    return 0


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
