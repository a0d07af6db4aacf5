"""What a raw file holds, before anything is made of it: every record is looked at once.

A file's two ends say little about it: a power cut leaves NULs, a clock is set back, a logger's ring is dumped with the
newer half first, a dead battery stamps 1990. So records are taken in their order and cut where the clock jumps; what is
in order belongs together, however it stands in the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from core.clock import NS, from_ns
from core.errors import PayloadError
from core.station import Station
from ingest.files.account import FileAccount
from ingest.files.phase import MINUTE_NS, PhaseFollower
from ingest.files.raw import find_span, read_records
from ingest.files.records import JITTER_NS, Int64Array, LeftOut, Records, Span

FIRST_NS, LAST_NS = -(2**63), 2**63 - 1
"""Every time lies between. [ns since 1970]"""
DAY_NS = 86_400 * NS
YEAR_NS = 300 * DAY_NS
"""Stamps further apart than this, a year set wrong, are not of one time unless there are many of both. [ns]"""
MONTH_NS = 30 * DAY_NS
CLUSTER_RATIO = 10
"""Stamps far from the others are taken for wrong where the others are this many times as many."""
RESET_YEARS = (1970, 1980, 1990)
"""Where clocks without a battery begin: Unix, GPS, Campbell Scientific."""
MAX_STRETCHES = 64
"""Most stretches of a file that are put in order."""
MAX_STEPS = 200_000
"""Steps between stamps from which a file's rate is found."""
MIN_STEPS = 10
MIN_STEP_RATIO, MAX_STEP_RATIO = 0.75, 1.5
"""A file's usual step, as a share of the declared one, that may be the same rate."""


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
    """

    parts: list[tuple[int, int]]
    start_ns: int
    last_ns: int
    low_ns: int = LAST_NS
    high_ns: int = FIRST_NS
    records: int = 0
    outside: int = 0


@dataclass(frozen=True, slots=True)
class FileSpan:
    """A span and how many records it has, of which some are outside the time asked for."""

    span: Span
    records: int
    outside: int


@dataclass(slots=True)
class Examined:
    """What was found in a file.

    Attributes
    ----------
    path : Path
        The file.
    account : FileAccount
        What was read and left out so far.
    spans : list of FileSpan
        Stretches to be processed; none where the file cannot be used.
    problems : list of str
        What is wrong with it, in words.
    """

    path: Path
    account: FileAccount
    spans: list[FileSpan] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


Cluster = Sequence[tuple[FileSpan, Examined]]
"""Spans of one time, each with its file."""


def examine(
    path: Path, station: Station, stream: str, begin_ns: int | None = None, end_ns: int | None = None
) -> Examined:
    """Look at every record of a file.

    Parameters
    ----------
    path : Path
        Raw file.
    station, stream
        What it holds.
    begin_ns, end_ns : int or None
        The time asked for. [ns since 1970 UTC]

    Returns
    -------
    Examined
        Nothing is raised: what is wrong with a file stands in its problems.
    """
    found = Examined(path, FileAccount(path.name))
    declared = station.streams[stream]
    block = declared.kind == "block"
    window = (FIRST_NS if begin_ns is None else begin_ns, LAST_NS if end_ns is None else end_ns)
    stretches = _StretchFinder(declared.dt_ns, window, follow=block)
    whole = Span(path, FIRST_NS, LAST_NS)
    try:
        if station.layout_of(
            declared
        ).end:  # the name has the time of the end: the first record's hangs on their number
            whole = find_span(path, station, stream)
        for records in read_records(whole, station, stream, FIRST_NS, found.problems.append):
            found.account.read += len(records.starts) + sum(one.records for one in records.left_out)
            found.account.left_out += records.left_out
            if records.header:
                found.account.notes.append(records.header)
                stretches.headers += 1
            stretches.add(records)
    except PayloadError as error:
        found.problems.append(str(error))
        if stretches.last_line:
            found.account.left_out.append(LeftOut("the rest could not be read", stretches.last_line + 1))
    if not stretches.found:
        _say_why_empty(found, station, stream)
        return found
    refused = _check_rate(found, stretches, declared.dt_ns) if block else ""
    if refused:
        first = stretches.found[0].parts[0][0]
        found.account.left_out.append(LeftOut(refused, first, sum(one.records for one in stretches.found)))
        return found
    _put_in_order(found, stretches, declared.dt_ns)
    return found


def choose_spans(files: Sequence[Examined], *, windowed: bool = False) -> list[Span]:
    """Leave out stamps that are years apart from those of all files; return what is to be processed.

    Parameters
    ----------
    files : sequence of Examined
        All files of one stream; what is left out goes into their accounts and problems.
    windowed : bool
        Both ends of the time asked for are given, so that nothing outside it is a problem.
    """
    every = sorted(((one, file) for file in files for one in file.spans), key=lambda pair: pair[0].span.start_ns)
    clusters: list[list[tuple[FileSpan, Examined]]] = []
    end_ns = 0
    for pair in every:
        if not clusters or pair[0].span.start_ns - end_ns > YEAR_NS:
            clusters.append([])
        clusters[-1].append(pair)
        end_ns = max(end_ns, pair[0].span.end_ns)
    chosen: list[Span] = []
    counts = [sum(one.records for one, _ in cluster) for cluster in clusters]
    for cluster, count in zip(clusters, counts, strict=True):
        wrong = len(clusters) > 1 and (
            count * CLUSTER_RATIO < max(counts)
            or _is_reset(cluster, clusters)
            or (count * 2 < max(counts) and _are_in_files_of(cluster, clusters[counts.index(max(counts))]))
        )
        for one, file in cluster:
            if not wrong or (windowed and one.outside < one.records):
                file.account.outside += one.outside
                chosen.append(one.span)
            elif windowed:
                file.account.outside += one.records
                file.account.notes.append(f"line {one.span.parts[0][0]}: {_apart(one)}")
            else:
                line, apart = one.span.parts[0][0], _apart(one)
                file.account.left_out.append(LeftOut(apart, line, one.records))
                file.problems.append(
                    f"{file.path.name}: line {line}: {one.records} records left out: {apart}: was the clock reset, or "
                    "the file damaged? If the stamps are right, process these records on their own"
                )
    return chosen


def _apart(one: FileSpan) -> str:
    start, end = (from_ns(ns) for ns in (one.span.start_ns, one.span.end_ns))
    return f"stamps {start:%Y-%m-%d %H:%M:%S}Z to {end:%Y-%m-%d %H:%M:%S}Z are years apart from the others"


def _are_in_files_of(cluster: Cluster, other: Cluster) -> bool:
    """Tell whether all records of a cluster stand in files that have records of another one."""
    return {one.span.path for one, _ in cluster} <= {one.span.path for one, _ in other}


def _is_reset(cluster: Cluster, clusters: Sequence[Cluster]) -> bool:
    """Tell whether a clock began anew: the first year of an epoch, with other records later."""
    year = from_ns(cluster[0][0].span.start_ns).year
    return cluster is not clusters[-1] and (year in RESET_YEARS or year < RESET_YEARS[-1])


class _StretchFinder:
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
        steps = np.diff(starts)
        cuts = [0, *(np.flatnonzero((steps < -self.back_ns) | (steps > self._ahead_ns)) + 1).tolist(), len(starts)]
        for first, end in pairwise(cuts):
            self._add_stretch(starts[first:end], lines[first:end])
        self.last_line = int(lines[-1])

    def _add_stretch(self, starts: Int64Array, lines: Int64Array) -> None:
        low, high = int(starts.min()), int(starts.max())
        last = self.found[-1] if self.found else None
        first = int(starts[0])
        if last is None or not -self.back_ns <= first - last.last_ns <= self._ahead_ns:
            last = Stretch([(int(lines[0]), int(lines[-1]))], low, high)
            self.found.append(last)
            self._phase = PhaseFollower(self._dt_ns)
            if self.phases and self.phases[-1][1]:
                self.phases.append((int(lines[0]), 0))
        last.start_ns, last.last_ns = min(last.start_ns, low), max(last.last_ns, high)
        last.parts[-1] = (last.parts[-1][0], int(lines[-1]))
        last.records += len(starts)
        shifts = np.zeros(len(starts), np.int64)
        if self._follow:
            for place, shift in self._phase.follow(starts):
                if shift != (self.phases[-1][1] if self.phases else 0):
                    self.phases.append((int(lines[place]), shift))
                shifts[place:] = shift
        places = starts - shifts
        last.low_ns, last.high_ns = min(last.low_ns, int(places.min())), max(last.high_ns, int(places.max()))
        centres = places + self._dt_ns // 2 if self._follow else starts
        last.outside += int(np.count_nonzero((centres < self._window[0]) | (centres >= self._window[1])))


def _say_why_empty(found: Examined, station: Station, stream: str) -> None:
    """Say why a file has no record; what its reader says of such a file comes first."""
    if found.problems and not found.account.read:
        return
    try:
        find_span(found.path, station, stream)
    except PayloadError as error:
        found.problems = [str(error)]
    else:
        found.problems = found.problems or [f"{found.path.name}: no record that can be read: remove the file"]


def _check_rate(found: Examined, stretches: _StretchFinder, dt_ns: int) -> str:
    """Compare a file's rate with the declared one; return why the file cannot be used, if so."""
    steps = np.concatenate(stretches.steps)
    steps = steps[(steps >= 0) & (steps < 100 * dt_ns)]
    positive = steps[steps > 0]
    if len(steps) < MIN_STEPS or not len(positive):
        return ""
    file, usual = found.path.name, float(np.median(positive))
    same = 1 + np.count_nonzero(steps == 0) / len(positive)
    if same > MAX_STEP_RATIO and len(stretches.fractions) == 1 and dt_ns < NS:
        reason = f"stamps have lost their fractions of a second: {same:.0f} records have the same one"
        found.problems.append(
            f"{file}: {reason}; the file is left out: was it opened and saved by a spreadsheet? Fetch it from the "
            "logger anew"
        )
        return reason
    usual /= same
    if MIN_STEP_RATIO <= usual / dt_ns <= MAX_STEP_RATIO:
        return ""
    rates = f"{NS / usual:.3g} Hz in the file, {NS / dt_ns:.3g} Hz in the station file"
    if usual > dt_ns:
        found.problems.append(f"{file}: {rates}: most places are empty: correct the stream's rate in the station file")
        return ""
    found.problems.append(f"{file}: {rates}: the file is left out: correct the stream's rate in the station file")
    return rates


def _put_in_order(found: Examined, stretches: _StretchFinder, dt_ns: int) -> None:
    """Make spans of the stretches of a file: what follows in time belongs together."""
    kept = _without_strays(found, stretches.found)
    groups: list[Stretch] = []
    for one in kept:
        last = groups[-1] if groups else None
        gap = 0 if last is None else one.start_ns - last.last_ns
        if last is None or gap < -stretches.back_ns or gap > YEAR_NS:
            if last is not None and -YEAR_NS < gap < 0:
                _tell_clock(found, groups, one)
            groups.append(one)
        else:
            groups[-1] = Stretch(
                [*last.parts, *one.parts], min(last.start_ns, one.start_ns), max(last.last_ns, one.last_ns),
                min(last.low_ns, one.low_ns), max(last.high_ns, one.high_ns),
                last.records + one.records, last.outside + one.outside,
            )  # fmt: skip
    if len(groups) > MAX_STRETCHES:
        reason = f"the clock runs backwards {len(groups) - 1} times"
        first = groups[0].parts[0][0]
        found.account.left_out.append(LeftOut(reason, first, sum(one.records for one in groups)))
        found.problems.append(f"{found.path.name}: {reason}; the file is left out: sort it by time")
        return
    skippable = len(stretches.found) == 1 and not stretches.headers
    for one in groups:
        start_ns, last_ns = (stretches.nearest(ns) for ns in (one.low_ns, one.high_ns))
        span = Span(found.path, start_ns, last_ns + dt_ns, tuple(one.parts), tuple(stretches.phases), skippable)
        found.spans.append(FileSpan(span, one.records, one.outside))


def _without_strays(found: Examined, stretches: Sequence[Stretch]) -> list[Stretch]:
    """Leave out a few records far from those before and behind them, which follow each other: damaged stamps."""
    total = sum(one.records for one in stretches)
    kept: list[Stretch] = []
    for i, one in enumerate(stretches):
        after = stretches[i + 1] if i + 1 < len(stretches) else None
        if kept and after is not None and _is_astray(kept[-1], one, after, total):
            stamp = from_ns(one.start_ns)
            line = one.parts[0][0]
            reason = f"stamps like {stamp:%Y-%m-%d %H:%M:%S}Z stand amid records of another time"
            found.account.left_out.append(LeftOut(reason, line, one.records))
            found.problems.append(
                f"{found.path.name}: line {line}: {reason}; {one.records} left out: is the file damaged there?"
            )
        else:
            kept.append(replace(one))
    return kept


def _is_astray(before: Stretch, one: Stretch, after: Stretch, total: int) -> bool:
    """Tell whether records are of another time than those around them, which follow each other."""
    if abs(after.start_ns - before.last_ns) >= DAY_NS:
        return False
    away = min(abs(one.start_ns - before.last_ns), abs(after.start_ns - one.last_ns))
    # blocks of a ring may be days away; a clock that is months away and comes back was wrong
    return one.records * 2 < total if away > MONTH_NS else one.records * 2 * CLUSTER_RATIO < total and away > DAY_NS


def _tell_clock(found: Examined, groups: Sequence[Stretch], one: Stretch) -> None:
    """Tell where the clock runs backwards; it is a problem where two records may claim the same time."""
    line = one.parts[0][0]
    before, now = (f"{from_ns(ns):%Y-%m-%d %H:%M:%S}Z" for ns in (groups[-1].last_ns, one.start_ns))
    back = f"line {line}: the clock runs backwards, from {before} to {now}"
    if any(one.start_ns <= other.last_ns and other.start_ns <= one.last_ns for other in groups):
        found.account.contest_expected = True
        found.problems.append(
            f"{found.path.name}: {back}; where two different records claim the same time neither is used: correct the "
            "stamps, or cut the file there"
        )
    else:
        found.account.notes.append(f"{back}; the records were put in the order of time")
