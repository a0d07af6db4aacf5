"""Backfill: raw files into the store, where samples are missing there; it can be broken off and begun again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.clock import NS, from_ns, to_ns
from core.errors import PayloadError
from core.progress import Progress, no_progress
from core.records import FloatArray, Reading, SampleBlock, Samples
from core.station import Station
from core.store import FileRow, Store
from ingest.files.account import FileAccount, Placed, describe_accounts, find_problems
from ingest.files.examination import Examined, choose_spans, examine
from ingest.files.gathering import gather
from ingest.files.raw import read_records
from ingest.files.records import LeftOut, Span
from ingest.payloads.checks import EARLIEST_NS

WINDOW_MINUTES = 30
"""What is read, compared and committed together. [min]"""
MAX_GAP_NS = NS
"""A block is cut where no sample came for so long; shorter holes are missing samples of it. [ns]"""
MAX_READINGS = 5000
"""Most readings of a commit."""
MAX_AHEAD_NS = 86_400 * NS
"""How far ahead of our clock a file may reach. [ns]"""


@dataclass(slots=True)
class BackfillSummary:
    """What a backfill did.

    Attributes
    ----------
    files, known : int
        Files read, and files that were read wholly before and have not changed since.
    blocks, samples, readings : int
        Newly stored.
    present : int
        Samples or readings that were there already.
    contested : int
        Places that different records of the files claim; none of these is stored.
    refused : int
        Samples that could not be stored because a block with the same start is there.
    failed : list of str
        What is wrong with a file, in words.
    accounts : dict of Path to FileAccount
        What became of the records of each file that was read.
    """

    files: int = 0
    known: int = 0
    blocks: int = 0
    samples: int = 0
    readings: int = 0
    present: int = 0
    contested: int = 0
    refused: int = 0
    failed: list[str] = field(default_factory=list)
    accounts: dict[Path, FileAccount] = field(default_factory=dict)

    def add(self, other: BackfillSummary) -> None:
        """Add what another one did."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.failed += other.failed
        self.accounts |= other.accounts

    def fail(self, what: str) -> None:
        """Add what is wrong with a file, once."""
        if what not in self.failed:
            self.failed.append(what)

    def as_json(self) -> dict[str, object]:
        """Return it for a report."""
        return {
            **{name: getattr(self, name) for name in _COUNTS},
            "accounts": [account.as_json() for account in self.accounts.values()],
            "problems": self.failed,
        }

    def lines(self) -> list[str]:
        """Say what is out of the ordinary in files, then all in one line."""
        return [*describe_accounts(self.accounts.values()), self.sentence()]

    def sentence(self) -> str:
        """Say it in one line."""
        stored = [f"{self.samples:,} samples in {self.blocks:,} blocks"] if self.samples else []
        stored += [f"{self.readings:,} readings"] if self.readings else []
        words = [f"{self.files} files read: {' and '.join(stored) or 'nothing new'} stored"]
        words += [f"{self.present:,} were there already"] if self.present else []
        words += [f"{self.known} files had been read before"] if self.known else []
        for count, why in (
            (self.contested, "different records claim their time"),
            (self.refused, "a block that begins with them is there"),
        ):
            words += [f"{count:,} samples left out, as {why}"] if count else []
        return "; ".join(words)


_COUNTS = ("files", "known", "blocks", "samples", "readings", "present", "contested", "refused")


def backfill(
    store: Store,
    station: Station,
    stream: str,
    paths: Sequence[Path],
    *,
    block_seconds: float = 10.0,
    again: bool = False,
    progress: Progress = no_progress,
) -> BackfillSummary:
    """Store what files have and the store lacks.

    Files are put together by the time of their records; a file's border means nothing. A sample is stored if the store
    has no sample of that time with any value; so nothing is doubled, whether it came by message or out of another
    file, and breaking off and beginning again is harmless.

    Parameters
    ----------
    store : Store
        Knows the station.
    station, stream
        What the files hold.
    paths : sequence of Path
        Files, in any order.
    block_seconds : float
        Length of a block; blocks begin at whole multiples of it since 1970 UTC, and behind holes. [s]
    again : bool
        Read files again that were read wholly before.
    progress : Progress, optional
        Called after each half-hour, or each file of readings.

    Raises
    ------
    StoreError
        The store is away or refuses; what was stored until then stays.
    """
    summary = BackfillSummary()
    known = set() if again else {(row.name, row.size, row.modified) for row in store.files.read(station.id, stream)}
    unread = [path for path in paths if _file_identity(path) not in known]
    summary.known = len(paths) - len(unread)
    found = [_check_times(examine(path, station, stream)) for path in unread]
    spans = choose_spans(found)
    for one in found:
        summary.accounts[one.path] = one.account
        for problem in one.problems:
            summary.fail(problem)
    if spans and station.streams[stream].kind == "block":
        _fill_blocks(store, station, stream, spans, block_seconds, progress, summary)
    elif spans:
        _fill_readings(store, station, stream, spans, progress, summary)
    if summary.samples or summary.readings:
        store.gaps.check(station.station.id)  # what a sender left out may now be here
    for problem in find_problems(summary.accounts.values()):
        summary.fail(problem)
    return summary


def _check_times(found: Examined) -> Examined:
    """Leave out stamps before 1990 and of the future: one in the year 2200 would reach over a million half-hours."""
    latest = time.time_ns() + MAX_AHEAD_NS
    for one in list(found.spans):
        start_ns, end_ns = one.span.start_ns, one.span.end_ns
        if start_ns < EARLIEST_NS or end_ns > latest:
            found.spans.remove(one)
            times = f"stamps {from_ns(start_ns):%Y-%m-%d} to {from_ns(end_ns):%Y-%m-%d}"
            expected = f"expected 1990 to {from_ns(latest):%Y-%m-%d}"
            line = one.span.parts[0][0]
            found.account.left_out.append(LeftOut(f"{times}, {expected}", line, one.records))
            found.problems.append(
                f"{found.path.name}: line {line}: {one.records} records left out: {times}, {expected}: correct them"
            )
    return found


def _file_identity(path: Path) -> tuple[str, int, datetime]:
    about = path.stat()
    return path.name, about.st_size, datetime.fromtimestamp(about.st_mtime_ns // 1000 / 1e6, UTC)


def _fill_blocks(
    store: Store, station: Station, stream: str, spans: Sequence[Span], seconds: float, progress: Progress,
    summary: BackfillSummary,
) -> None:  # fmt: skip
    """Fill sample blocks, half-hour after half-hour."""
    starts = _touched_windows(spans)
    waiting = sorted(spans, key=lambda span: span.end_ns)
    before = {span.path: _file_identity(span.path) for span in spans}
    with_problems = _names_of(summary.failed)

    def report(what: str) -> None:
        summary.fail(what)
        with_problems.add(what.split(":", 1)[0])

    for i, gathered in enumerate(gather(spans, station, stream, starts, WINDOW_MINUTES, report)):
        summary.contested += gathered.contested
        for path, placed in gathered.placed.items():
            summary.accounts[path].placed += placed
        if gathered.samples is not None:
            end_ns = gathered.samples.start_ns + gathered.samples.n * gathered.samples.dt_ns
            stored = store.samples.read(station.id, stream, gathered.start, from_ns(end_ns))
            blocks = list(missing_blocks(gathered.samples, stored, station.id, stream, round(seconds * NS), summary))
            done = store.messages.commit(blocks, [])
            summary.blocks += done.blocks
            summary.samples += done.samples
            summary.refused += sum(block.samples.shape[1] for block in blocks) - done.samples
        while waiting and i + 1 < len(starts) and waiting[0].end_ns <= to_ns(starts[i + 1]):
            done_with = waiting.pop(0)
            if all(span.path != done_with.path for span in waiting):
                _remember_file(store, station, stream, done_with, before, with_problems, summary)
        progress(f"{station.id}/{stream}, {len(spans)} files", i + 1, len(starts))
    for span in {span.path: span for span in waiting}.values():
        _remember_file(store, station, stream, span, before, with_problems, summary)


def _names_of(problems: Sequence[str]) -> set[str]:
    """Return the files that problems are about."""
    return {what.split(":", 1)[0] for what in problems}


def missing_blocks(
    samples: Samples, stored: Samples, station: str, stream: str, length_ns: int, summary: BackfillSummary
) -> Iterator[SampleBlock]:
    """Cut what one stretch of samples has and the other lacks into blocks.

    Parameters
    ----------
    samples : Samples
        Out of files, in the order of the stream's channels; NaN is missing.
    stored : Samples
        What the store has of the same stretch.
    station, stream : str
        What the blocks belong to.
    length_ns : int
        Blocks begin at multiples of it since 1970 UTC. [ns]
    summary : BackfillSummary
        Counts what is there already.
    """
    is_given, is_stored = _has_value(samples), _has_value(stored)[: samples.n]
    summary.present += int(np.count_nonzero(is_given & is_stored))
    indices = np.flatnonzero(is_given & ~is_stored)
    if not len(indices):
        return
    times = samples.start_ns + indices * samples.dt_ns
    gap = max(2, round(MAX_GAP_NS / samples.dt_ns))
    block = times // length_ns
    # a stored sample between two of them parts them, too: no block may reach over it
    passed = np.cumsum(is_stored)[indices]
    cuts = np.flatnonzero((np.diff(block) > 0) | (np.diff(indices) > gap) | (np.diff(passed) > 0)) + 1
    values: FloatArray = _matrix(samples)
    for some in np.split(indices, cuts):
        first, last = int(some[0]), int(some[-1])
        yield SampleBlock(
            station,
            stream,
            samples.start_ns + first * samples.dt_ns,
            samples.dt_ns,
            tuple(samples.channels),
            values[:, first : last + 1].astype(np.float32),
        )


def _has_value(samples: Samples) -> NDArray[np.bool_]:
    """Whether any channel has a value."""
    has_value: NDArray[np.bool_] = np.any(~np.isnan(_matrix(samples)), axis=0)
    return has_value


def _matrix(samples: Samples) -> FloatArray:
    return np.array(list(samples.channels.values()))


def _touched_windows(spans: Sequence[Span]) -> list[datetime]:
    """Return the starts of the half-hours that files touch: years may lie between two files."""
    length = WINDOW_MINUTES * 60 * NS
    touched: set[int] = set()
    for span in spans:
        touched.update(range(span.start_ns // length, -(-span.end_ns // length)))
    return [from_ns(number * length) for number in sorted(touched)]


def _fill_readings(
    store: Store, station: Station, stream: str, spans: Sequence[Span], progress: Progress, summary: BackfillSummary
) -> None:
    """Fill slow readings, file after file; what is there already stays."""
    names = tuple(station.streams[stream].channel_index)
    before = {span.path: _file_identity(span.path) for span in spans}
    with_problems = _names_of(summary.failed)

    def report(what: str) -> None:
        summary.fail(what)
        with_problems.add(what.split(":", 1)[0])

    in_order = sorted(spans, key=lambda one: one.start_ns)
    for i, span in enumerate(in_order):
        account = summary.accounts[span.path]
        try:
            for piece in read_records(span, station, stream, span.start_ns, report):
                records = span.select(piece)
                for first in range(0, len(records.starts), MAX_READINGS):
                    some = slice(first, first + MAX_READINGS)
                    readings = [
                        Reading(station.id, stream, int(start), dict(zip(names, row, strict=True)))
                        for start, row in zip(records.starts[some], records.values[:, some].T.tolist(), strict=True)
                    ]
                    done = store.messages.commit([], readings)
                    summary.readings += done.readings
                    summary.present += done.duplicate_readings
                    account.placed += Placed(done.readings, len(readings) - done.readings)
        except PayloadError as error:
            report(str(error))
        if all(other.path != span.path for other in in_order[i + 1 :]):
            _remember_file(store, station, stream, span, before, with_problems, summary)
        progress(f"{station.id}/{stream}, {len(spans)} files", i + 1, len(spans))


def _remember_file(
    store: Store, station: Station, stream: str, span: Span, before: dict[Path, tuple[str, int, datetime]],
    with_problems: set[str], summary: BackfillSummary,
) -> None:  # fmt: skip
    """Remember a file that was read to its end: as it was before, so that one that grew meanwhile is read again."""
    summary.files += 1
    if span.path.name in with_problems:
        return
    name, size, modified = before[span.path]
    store.files.put(FileRow(station.id, stream, name, size, modified, from_ns(span.start_ns), from_ns(span.end_ns)))
