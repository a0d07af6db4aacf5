"""Send a load in real time."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np

from core.clock import NS
from ingest.mqtt.broker import parse_address
from ingest.simulation.load.connection import Connection
from ingest.simulation.load.packets import NO_PROPERTIES, Int64Array, Packets, Rows, WeatherPackets
from ingest.simulation.load.stations import Faults, Load

TICK_SECONDS = 0.02
"""How often the messages that are due are sent. [s]"""
MAX_PACKETS_PER_WRITE = 10_000
"""Most messages in one write."""
MAX_LATE_BLOCKS = 10
"""A late block comes up to so many block lengths later."""

JOURNAL_ENTRY = np.dtype([("tower", "<i4"), ("seq", "<i8"), ("sent_ns", "<i8")])
"""What is written down of each block that is sent."""


def send(
    load: Load,
    url: str,
    root: str,
    seconds: float,
    *,
    connections: int = 2,
    journal: Path | None = None,
    report: Callable[[int, float], None] | None = None,
) -> int:
    """Send what a load's towers would, in real time.

    Parameters
    ----------
    load : Load
        What is sent.
    url, root : str
        The broker, and the first levels of every topic.
    seconds : float
        How long. [s]
    connections : int
        Connections to the broker that share the towers.
    journal : Path, optional
        File for what was sent: records of ``JOURNAL_ENTRY``.
    report : callable, optional
        Called once a second with (blocks sent, how late the sender is [s]).

    Returns
    -------
    int
        Blocks sent, repeated ones too.

    Raises
    ------
    SetupError
        No broker, or the connection broke.
    """
    properties = NO_PROPERTIES if parse_address(url).version == "5" else b""
    packets = Packets(load, root, properties)
    begin = -(-time.time_ns() // load.block_ns) * load.block_ns
    weather = WeatherPackets(load, root, begin, properties)
    reported = time.monotonic()
    with ExitStack() as stack:
        opened = [stack.enter_context(Connection(url)) for _ in range(connections)]
        journal_file = stack.enter_context(journal.open("wb")) if journal else None
        towers = _Towers(load, packets, opened, journal_file, begin)
        goal = load.towers * round(seconds * NS) // load.block_ns
        while towers.made < goal:
            now = time.time_ns()
            # tower i of N sends its block of [t, t + length) at t + length + i / N of a length
            towers.make(min(goal, load.towers * (now - begin) // load.block_ns), now)
            towers.send_late(now)
            for row, mid_at in weather.due(now):
                opened[0].send(row, mid_at)
            late_by = (time.time_ns() - now) / NS
            if report is not None and time.monotonic() - reported >= 1.0:
                reported = time.monotonic()
                report(towers.sent, late_by)
            time.sleep(max(0.0, TICK_SECONDS - late_by))
        towers.send_late()
        for connection in opened:
            connection.flush()
    return towers.sent


class _Towers:
    """What the towers have made and sent, and what comes late.

    Attributes
    ----------
    made, sent : int
        Blocks: made, lost ones too; sent, repeated ones too.
    """

    def __init__(
        self,
        load: Load,
        packets: Packets,
        connections: Sequence[Connection],
        journal_file: BinaryIO | None,
        begin_ns: int,
    ) -> None:
        self._load, self._packets, self._connections, self._journal_file = load, packets, connections, journal_file
        self._first_seq = begin_ns // load.block_ns - 1
        self._random = np.random.default_rng(load.seed)
        self._offset = np.zeros(load.towers, np.int64)
        self._late: list[tuple[int, int, int, Rows]] = []  # when [ns], tower, number, packet
        self.made = self.sent = 0

    def make(self, total: int, now_ns: int) -> None:
        """Make blocks until there are so many, and send those that are neither lost nor late."""
        faults, random = self._load.faults, self._random
        while self.made < total:
            block, first = divmod(self.made, self._load.towers)
            last = min(self._load.towers, first + total - self.made, first + MAX_PACKETS_PER_WRITE)
            towers = np.arange(first, last)
            seq = np.full(len(towers), self._first_seq + block)
            chance = random.random((5, len(towers))) if faults != Faults() else np.ones((5, len(towers)))
            jumps = chance[0] < faults.clock_jumps
            self._offset[first:last][jumps] = random.integers(-3600 * NS, 3600 * NS, int(jumps.sum()))
            start = seq * self._load.block_ns + self._offset[first:last]
            rows = self._packets.rows(slice(first, last), start, seq, chance[1] < faults.spikes)
            late = chance[2] < faults.late
            kept = ~late & (chance[3] >= faults.dropouts)
            again = kept & (chance[4] < faults.duplicates)
            for i in np.flatnonzero(late | again).tolist():
                due = now_ns + int(random.integers(self._load.block_ns, MAX_LATE_BLOCKS * self._load.block_ns))
                heapq.heappush(self._late, (due, first + i, int(seq[i]), rows[i : i + 1].copy()))
            self._send(rows if kept.all() else rows[kept], towers[kept], seq[kept])
            self.made += len(towers)

    def send_late(self, now_ns: int | None = None) -> None:
        """Send what is late and due now; without a time, all of it."""
        while self._late and (now_ns is None or self._late[0][0] <= now_ns):
            _, tower, seq, row = heapq.heappop(self._late)
            self._send(row, np.array([tower]), np.array([seq]))

    def _send(self, rows: Rows, towers: Int64Array, seq: Int64Array) -> None:
        if self._journal_file is not None:
            entries = np.empty(len(rows), JOURNAL_ENTRY)
            entries["tower"], entries["seq"], entries["sent_ns"] = towers, seq, time.time_ns()
            self._journal_file.write(entries.tobytes())
        self._connections[self.sent % len(self._connections)].send(rows, self._packets.mid_at)
        self.sent += len(rows)
