"""What a raw file holds, before anything is made of it: every record is looked at once.

A file's two ends say little about it: a power cut leaves NULs, a clock is set back, a logger's ring is dumped with the
newer half first, a dead battery stamps 1990. So records are taken in their order and cut where the clock jumps; what is
in order belongs together, however it stands in the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from core.clock import NS, from_ns
from core.errors import PayloadError
from core.station import Station
from ingest.files.account import FileAccount
from ingest.files.raw import find_span, read_records
from ingest.files.records import LeftOut, Span
from ingest.files.strays import MAX_TOGETHER, fits
from ingest.files.stretches import FIRST_NS, LAST_NS, MIN_STEPS, Stretch, StretchFinder

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
LONE = "the first or the last record stands apart from the others, as no two of these do: its stamp may be damaged"
MIN_STEP_RATIO, MAX_STEP_RATIO = 0.75, 1.5
"""A file's usual step, as a share of the declared one, that may be the same rate."""


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
    stretches = StretchFinder(declared.dt_ns, window, follow=block)
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
    stretches.finish()
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


def _check_rate(found: Examined, stretches: StretchFinder, dt_ns: int) -> str:
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


def _put_in_order(found: Examined, stretches: StretchFinder, dt_ns: int) -> None:
    """Make spans of the stretches of a file: what follows in time belongs together."""
    kept = _without_strays(found, _without_damaged_stamps(found, stretches.found), stretches.usual_ns)
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


def _without_damaged_stamps(found: Examined, stretches: Sequence[Stretch]) -> list[Stretch]:
    """Leave out single records whose stamps are not those of their places."""
    amid = [one for one in stretches if one.astray == "amid"]
    if amid:
        _leave_out(found, amid)
    for one in stretches:
        if one.astray == "end":
            found.account.left_out.append(LeftOut(LONE, one.parts[0][0], one.records))
    return [one for one in stretches if not one.astray]


def _leave_out(found: Examined, some: Sequence[Stretch]) -> None:
    """Leave out records of which those around say that their stamps are damaged, and tell it by the first one."""
    stamp, line = from_ns(some[0].start_ns), some[0].parts[0][0]
    count = sum(one.records for one in some)
    reason = f"stamps like {stamp:%Y-%m-%d %H:%M:%S}Z stand amid records of another time"
    found.account.left_out.append(LeftOut(reason, line, count))
    found.problems.append(f"{found.path.name}: line {line}: {reason}; {count} left out: is the file damaged there?")


def _without_strays(found: Examined, stretches: Sequence[Stretch], usual_ns: int) -> list[Stretch]:
    """Leave out a few records far from those before and behind them, which follow each other: damaged stamps."""
    total = sum(one.records for one in stretches)
    kept: list[Stretch] = []
    i = 0
    while i < len(stretches):
        count = _count_astray(kept[-1], stretches[i : i + MAX_TOGETHER + 1], total, usual_ns) if kept else 0
        for one in stretches[i : i + count]:
            _leave_out(found, [one])
        if not count:
            kept.append(replace(stretches[i]))
        i += max(1, count)
    return kept


def _count_astray(before: Stretch, some: Sequence[Stretch], total: int, usual_ns: int) -> int:
    """Return how many of the next stretches are of another time than what is before and behind them."""
    for count in range(1, len(some)):
        after = some[count]
        room = after.start_ns - before.last_ns
        records = sum(one.records for one in some[:count])
        beside = all(one.start_ns < before.last_ns or one.last_ns > after.start_ns for one in some[:count])
        # the clock came back as if it had never been away
        in_turn = beside and fits(room, (records + 1) * usual_ns) and records * 2 * CLUSTER_RATIO < total
        if in_turn or (count == 1 and abs(room) < DAY_NS and _is_astray(before, some[0], after, total)):
            return count
    return 0


def _is_astray(before: Stretch, one: Stretch, after: Stretch, total: int) -> bool:
    """Tell whether records are far from those around them, which are of one time."""
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
