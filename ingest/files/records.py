"""Records of a raw file, what of it is left out, and the stretch of time that it covers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.records import FloatArray

Int64Array = NDArray[np.int64]
Report = Callable[[str], None]

JITTER_NS = 10**9
"""Stamps that run back no further than this do so because they jitter. [ns]"""
FILLER = b"\0\xff"
"""What stands where a power cut kept a logger from writing, or where it had kept room."""
FILLER_RUNS = (b"\0" * 8, b"\xff" * 8)
FILLED = "bytes of NUL or 0xFF: a power cut, or room that the logger had kept"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What of a file is not used, and why.

    Attributes
    ----------
    reason : str
        In words, without the file.
    line : int
        The first line, or record of a binary table, that it holds for.
    records : int
        Records.
    bytes : int
        Bytes that are no records: what a power cut or room that was kept left behind. [bytes]
    """

    reason: str
    line: int
    records: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Records:
    """Some records of a file, in its order; none where there is only something to tell.

    Attributes
    ----------
    starts : ndarray, shape (n,), int64
        START of each sample. [ns since 1970 UTC]
    values : ndarray, shape (channels, n), float64
        In the order of the stream's channels; NaN is missing. [sender's units]
    lines : ndarray, shape (n,), int64
        Line numbers.
    left_out : tuple of LeftOut
        What of the same stretch of the file is no record that can be used.
    header : str
        What is new about a header right before these records; empty without one.
    """

    starts: Int64Array
    values: FloatArray
    lines: Int64Array
    left_out: tuple[LeftOut, ...] = ()
    header: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time that a file, or some lines of it, cover.

    Attributes
    ----------
    path : Path
        The file.
    start_ns, end_ns : int
        START of the first sample to END of the last. [ns since 1970 UTC]
    parts : tuple of (int, int)
        First and last lines that belong to it, in order; empty for the whole file.
    phases : tuple of (int, int)
        From which line on by how much samples stand beside the grid of their stream. [ns]
    skippable : bool
        Whether what ends before a time may be passed over unread: the file is in the order of time, under one header.
    """

    path: Path
    start_ns: int
    end_ns: int
    parts: tuple[tuple[int, int], ...] = ()
    phases: tuple[tuple[int, int], ...] = ()
    skippable: bool = True

    def select(self, records: Records) -> Records:
        """Return those records that belong to it, their STARTs brought onto the grid."""
        lines = records.lines
        if not len(lines):
            return records
        starts = records.starts
        if self.phases:
            firsts, shifts = (np.array(some, np.int64) for some in zip(*self.phases, strict=True))
            at = np.searchsorted(firsts, lines, side="right") - 1
            starts = starts - np.where(at >= 0, shifts[at], 0)
        mine = np.ones(len(lines), bool)
        if self.parts:
            ends = np.array(self.parts, np.int64)
            at = np.searchsorted(ends[:, 0], lines, side="right") - 1
            mine = (at >= 0) & (lines <= ends[at, 1])
        if mine.all():
            return Records(starts, records.values, lines)
        return Records(starts[mine], records.values[:, mine], lines[mine])
