"""Files of frames into the store, whatever devices they are of; what is there already is left alone."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import PayloadError, UnknownStation
from core.progress import Progress, no_progress
from core.records import Reject
from core.store import Store
from ingest.backfill import MAX_AHEAD_NS, BackfillSummary
from ingest.collector.stamp_limits import StampLimits
from ingest.files.account import FileAccount, Placed, find_problems
from ingest.files.opening import opened
from ingest.files.records import LeftOut
from ingest.hj212.codec.frame import parse_frame
from ingest.hj212.codec.segment import parse_segment
from ingest.hj212.codec.splitter import Splitter, looks_like_frames
from ingest.hj212.receiving.committing import DeviceWriter, read_message
from ingest.hj212.receiving.parts import Parts, Whole
from ingest.mqtt.wire import Message
from ingest.payloads.hj212 import find_unmapped, streams_for
from ingest.sources import DEVICE

READ_BYTES = 1 << 16
MAX_MESSAGES = 500
"""Most messages of a commit."""
BEGINNING = 64
"""Bytes by which a file of frames is known."""
LIMITS = StampLimits(ahead_ns=MAX_AHEAD_NS)
TOPIC_ROOT = "flux"


def holds_frames(path: Path) -> bool:
    """Whether a file, packed or not, begins with a frame of HJ 212."""
    try:
        with opened(path) as file:
            return looks_like_frames(file.stream.read(BEGINNING))
    except PayloadError:
        return False


def take_files(
    store: Store, paths: Sequence[Path], *, station: str = "", progress: Progress = no_progress
) -> BackfillSummary:
    """Store what files of frames have and the store lacks.

    Parameters
    ----------
    store : Store
        Knows the stations.
    paths : sequence of Path
        Files of frames.
    station : str
        Only this station's frames are taken; by default those of all.
    progress : Progress, optional
        Called after each file.

    Raises
    ------
    StoreError
        The store is away or refuses; what was stored until then stays.
    """
    summary = BackfillSummary()
    writer = DeviceWriter(store, TOPIC_ROOT, threading.Event(), LIMITS)
    writer.stations.read()
    for i, path in enumerate(paths):
        _File(store, writer, path, station, summary).take()
        progress(f"{len(paths)} files of frames", i + 1, len(paths))
    for problem in find_problems(summary.accounts.values()):
        summary.fail(problem)
    return summary


@dataclass(slots=True)
class _File:
    """One file: its frames, and what becomes of them."""

    store: Store
    writer: DeviceWriter
    path: Path
    only: str
    summary: BackfillSummary
    account: FileAccount = field(init=False)
    unused: Counter[str] = field(default_factory=Counter)
    left: dict[str, tuple[int, int]] = field(default_factory=dict)  # reason -> first line, how many
    touched: set[str] = field(default_factory=set)

    def take(self) -> None:
        """Store what the file has."""
        self.account = self.summary.accounts[self.path] = FileAccount(self.path.name)
        self.account.contest_expected = True  # said below, in words that fit readings
        batch: list[Message] = []
        try:
            for line, whole in self._wholes():
                if message := self._message(line, whole):
                    batch.append(message)
                if len(batch) >= MAX_MESSAGES:
                    self._commit(batch)
                    batch = []
        except PayloadError as error:
            self.summary.fail(f"{self.path.name}: {error}")
        self._commit(batch)
        self.account.left_out += [LeftOut(reason, line, count) for reason, (line, count) in self.left.items()]
        self.account.notes += [f"{what}, {count:,} times" for what, count in self.unused.items()]
        self.summary.files += 1
        for station in self.touched:
            self.store.gaps.check(station)

    def _wholes(self) -> Iterator[tuple[int, Whole]]:
        """Give messages with the number of the frame that ended each; bad frames go to the rejects."""
        splitter, parts = Splitter(), Parts()
        line, device = 0, ""
        with opened(self.path) as file:
            while True:
                data = file.stream.read(READ_BYTES)
                for frame in splitter.feed(data) if data else splitter.end():
                    line += 1
                    try:
                        segment = parse_segment(parse_frame(frame))
                    except PayloadError as error:
                        self._reject(device, frame, error.reason, line)
                        continue
                    device = segment.mn
                    # in a file the order of frames is the only clock
                    for whole in parts.add(frame, segment, 0.0):
                        yield line, whole
                if not data:
                    break
        for whole in parts.take_all():
            yield line, whole
        if splitter.skipped:
            self.summary.fail(f"{self.path.name}: {splitter.skipped:,} bytes are no frames: is the file damaged?")

    def _message(self, line: int, whole: Whole) -> Message | None:
        """Return a message to commit, None if nobody asked for it; what is wrong with it is told and kept."""
        first = whole.segments[0]
        message = Message(DEVICE + first.mn, whole.payload, 1, 0, 0)
        try:
            source = self.writer.stations.sources.device(first.mn)
            if self.only and source.station != self.only:
                raise PayloadError(f"frames of device {first.mn!a} are station {source.station}'s: leave out --station")
            if not streams_for(source, first.cn):
                self.account.read += 1
                self._leave(f"no stream of device {first.mn!a} takes CN {first.cn}", line)
                return None
            readings = read_message(self.writer.stations, message, time.time_ns(), LIMITS)
            for code in find_unmapped(source, whole.segments):
                self.unused[f"values {code} are no channel's"] += 1
        except (PayloadError, UnknownStation) as error:
            self._reject(first.mn, whole.payload, error.reason if isinstance(error, PayloadError) else str(error), line)
            return None
        self.account.read += len(readings)
        self.touched.add(source.station)
        return message

    def _reject(self, device: str, payload: bytes, reason: str, line: int) -> None:
        self.account.read += 1
        self._leave(reason, line)
        self.summary.fail(f"{self.path.name}: frame {line}: kept as a reject: {reason}")
        self.store.messages.commit([], [], [Reject(DEVICE + device, payload, reason, self._station_of(device))])

    def _station_of(self, device: str) -> str:
        try:
            return self.writer.stations.sources.device(device).station
        except PayloadError:
            return ""

    def _leave(self, reason: str, line: int) -> None:
        first, count = self.left.get(reason, (line, 0))
        self.left[reason] = (first, count + 1)

    def _commit(self, batch: Sequence[Message]) -> None:
        if not batch:
            return
        counts = self.writer.counts
        before = counts.readings, counts.duplicates
        contested = self.writer.write(batch)
        new, repeated = counts.readings - before[0], counts.duplicates - before[1] - contested
        self.account.placed += Placed(new, repeated, contested)
        self.summary.readings += new
        self.summary.present += repeated
        if contested:
            self.summary.fail(
                f"{self.path.name}: {contested} readings have other values than are stored of their time: kept as "
                "rejects (`fluxtower reject list` says what to do)"
            )
