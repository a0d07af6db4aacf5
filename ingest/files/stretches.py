"""Stretches of a raw file's records: cut where the clock jumps, and where a stamp is not that of its place."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from core.clock import NS
from ingest.files.phase import MINUTE_NS, PhaseFollower
from ingest.files.records import JITTER_NS, Int64Array, Records
from ingest.files.strays import MAX_TOGETHER, MIN_EDGE, find_lone_ends, find_strays

FIRST_NS, LAST_NS = -(2**63), 2**63 - 1
"""Every time lies between. [ns since 1970]"""
MAX_STEPS = 200_000
"""Steps between stamps from which a file's rate is found."""
MIN_STEPS = 10
"""Fewer steps do not say what a file's rate is."""
MIN_GAPS = 3
"""Fewer steps do not say whether the last one is out of the ordinary."""
USUAL_STEPS = 1000
"""Steps of some records from which the usual one is found."""
MAX_BACKWARDS = 8
"""Stamps that run back more often than this, and more often than every hundredth time, do so because they jitter."""
MAX_BESIDE = 3.5
"""A record that stands less far from its place may do so because its stamp jitters. [steps]"""
Astray = Literal["", "amid", "end"]
"""Whether records are not of the time that they are stamped: those around them say so, or a first or last one stands
apart."""


@dataclass(slots=True)
class Stretch:
    """Records in the order of time, one behind the other in the file.

    Attributes
    ----------
    parts : list of (int, int)
        First and last lines.
    start_ns, last_ns : int
        First and last START, as stamped. [ns since 1970 UTC]
    low_ns, high_ns : int
        The same, as the samples are placed. [ns since 1970 UTC]
    records, outside : int
        How many, and how many of these are outside the time asked for.
    astray : str
        Whether, and how one knows, they are not of the time that they are stamped.
    """

    parts: list[tuple[int, int]]
    start_ns: int
    last_ns: int
    low_ns: int = LAST_NS
    high_ns: int = FIRST_NS
    records: int = 0
    outside: int = 0
    astray: Astray = ""


class StretchFinder:
    """Cuts a file's records where the clock jumps, and says how they stand to the grid."""

    def __init__(self, dt_ns: int, window: tuple[int, int], *, follow: bool) -> None:
        self._dt_ns, self._window, self._follow = dt_ns, window, follow
        self.back_ns = max(JITTER_NS, dt_ns // 2)
        self._ahead_ns = max(60 * NS, 100 * dt_ns)
        self.found: list[Stretch] = []
        self.phases: list[tuple[int, int]] = []
        self._phase = PhaseFollower(dt_ns)
        self.steps: list[Int64Array] = []
        self._counted = 0
        self.fractions: set[int] = set()
        self.headers = self.last_line = 0
        self.usual_ns = dt_ns
        # records are judged by those behind them, too: so the last ones that came wait for the next
        self._waiting: tuple[Int64Array, Int64Array] | None = None
        self._before = np.empty(0, np.int64)
        self._widest_ns = 0

    def nearest(self, time_ns: int) -> int:
        """Return the place of a sample on the grid of its stream; readings have none. [ns since 1970 UTC]"""
        if not self._follow:
            return time_ns
        minute = time_ns // MINUTE_NS * MINUTE_NS
        return minute + (time_ns - minute + self._dt_ns // 2) // self._dt_ns * self._dt_ns

    def add(self, records: Records) -> None:
        """Take the next records."""
        starts, lines = records.starts, records.lines
        if not len(starts):
            return
        if self._counted < MAX_STEPS:
            self.steps.append(np.diff(starts))
            self._counted += len(starts)
            if len(self.fractions) < 2:
                self.fractions.update((starts[:1000] % NS).tolist())
        self._cut_waiting(starts[:MAX_TOGETHER], last=False)
        self._waiting = (starts, lines)
        self.last_line = int(lines[-1])

    def finish(self) -> None:
        """Take note that no records follow."""
        self._cut_waiting(np.empty(0, np.int64), last=True)
        self._waiting = None

    def _cut_waiting(self, after: Int64Array, *, last: bool) -> None:
        """Cut the records that wait into stretches; ``after`` are the STARTs of those behind them."""
        if self._waiting is None:
            return
        starts, lines = self._waiting
        around = np.concatenate([self._before, starts, after])
        steps = np.diff(around)
        begin = len(self._before)
        mine = steps[begin : begin + len(starts) - 1]
        jumps = (mine < -self.back_ns) | (mine > self._ahead_ns)
        marked = {place - begin: why for place, why in self._find_strays(around, steps, last=last).items()}
        for place in marked:
            jumps[max(0, place - 1) : max(0, place + 1)] = True
        cuts = [0, *(np.flatnonzero(jumps) + 1).tolist(), len(starts)]
        for first, end in pairwise(cuts):
            self._add_stretch(starts[first:end], lines[first:end], marked.get(first, ""))
        self._before = starts[-MAX_TOGETHER:]

    def _find_strays(self, starts: Int64Array, steps: Int64Array, *, last: bool) -> dict[int, Astray]:
        """Return the places of records whose stamps are not those of their places, and how one knows."""
        first = not self.found
        some = steps[:USUAL_STEPS]
        forward = some[some > 0]
        if not forward.size:
            return {}
        usual = int(np.median(forward))
        if first:
            self.usual_ns = usual
        marked: dict[int, Astray] = {}
        gaps = steps - usual
        ends = [0, len(starts) - 1]
        if steps.min() < 0:
            # where stamps run back all the time, each may be anywhere
            if np.count_nonzero(steps < 0) > max(MAX_BACKWARDS, len(starts) // 100):
                return {}
            astray = find_strays(starts, np.arange(len(starts)) * usual, MAX_BESIDE * usual)
            marked = dict.fromkeys(np.flatnonzero(astray).tolist(), "amid")
            kept = np.flatnonzero(~astray)
            gaps = np.diff(starts[kept]) - np.diff(kept) * usual
            ends = kept[[0, -1]].tolist()
        if self._follow and len(gaps) >= (MIN_STEPS if first else MIN_GAPS):
            lone, widest = find_lone_ends(gaps, max(self._widest_ns, int(MIN_EDGE * usual)))
            self._widest_ns = max(self._widest_ns, widest)
            if first and lone[0]:
                marked[ends[0]] = "end"
            if last and lone[1]:
                marked[ends[1]] = "end"
        return marked

    def _add_stretch(self, starts: Int64Array, lines: Int64Array, astray: Astray) -> None:
        low, high = int(starts.min()), int(starts.max())
        last = self.found[-1] if self.found else None
        first = int(starts[0])
        if last is None or astray or last.astray or not -self.back_ns <= first - last.last_ns <= self._ahead_ns:
            last = Stretch([(int(lines[0]), int(lines[-1]))], low, high, astray=astray)
            self.found.append(last)
            self._phase = PhaseFollower(self._dt_ns)
            if self.phases and self.phases[-1][1]:
                self.phases.append((int(lines[0]), 0))
        last.start_ns, last.last_ns = min(last.start_ns, low), max(last.last_ns, high)
        last.parts[-1] = (last.parts[-1][0], int(lines[-1]))
        last.records += len(starts)
        places = starts
        if self._follow:
            moves = list(self._phase.follow(starts))
            for place, shift in moves:
                if shift != (self.phases[-1][1] if self.phases else 0):
                    self.phases.append((int(lines[place]), shift))
            if any(shift for _, shift in moves):
                firsts, shifts = zip(*moves, strict=True)
                places = starts - np.repeat(shifts, np.diff([*firsts, len(starts)]))
                low, high = int(places.min()), int(places.max())
        last.low_ns, last.high_ns = min(last.low_ns, low), max(last.high_ns, high)
        half = self._dt_ns // 2 if self._follow else 0
        if low + half < self._window[0] or high + half >= self._window[1]:
            centres = places + half
            last.outside += int(np.count_nonzero((centres < self._window[0]) | (centres >= self._window[1])))
