"""The spool: every block on disk, with its source's position, until the platform says that it is committed.

SQLite with a write-ahead log and ``synchronous = FULL``: a block is on the disk before it is sent, so a number that the
platform has seen is never given to another block, whatever the power does. With NORMAL a power cut could take the last
transactions back, numbers and all, and the platform's word for the first block would delete the second.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.records import Reading, SampleBlock
from core.statements import read_statements
from ingest.agent.account_book import StreamAccounts
from ingest.agent.blocks import MAX_SENT_SPANS, Piece, SentTimes
from ingest.agent.config import SourceConfig
from ingest.agent.file_account import account_of_row
from ingest.agent.file_position import FilePosition
from ingest.collector.watermark import Watermark
from ingest.encoding import encode_block, encode_reading
from ingest.mqtt.topics import Kind

MAX_ROW_BYTES = 200
"""What a block takes besides its message, at most. [bytes]"""
SPARE_PAGES = 64
"""Pages for positions and indexes that the bound leaves free."""
LOG_SECONDS = 60.0
"""How often dropped blocks are logged. [s]"""

SQL = read_statements("ingest.agent", "spool.sql")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SpooledBlock:
    """A block that waits.

    Attributes
    ----------
    seq : int
        Its number in its stream.
    start_ns : int
        START of its first sample. [ns since 1970 UTC]
    kind : {"block", "reading"}
        Last level of its topic.
    message : bytes
        As it is published.
    """

    seq: int
    start_ns: int
    kind: Kind
    message: bytes


class Spool:
    """A station's spool. One process and one thread at a time.

    A file that SQLite cannot read is put aside and a new one begun: sources are then read from their beginning, and
    the platform ignores what it has.

    Parameters
    ----------
    path : Path
        Its file; made if it is not there.
    station : str
        Station id, for the messages.
    streams : sequence of str
        The streams that will be put.
    max_bytes : int
        Most bytes in its pages. [bytes]
    compress : bool
        Put blocks into zstd frames.

    Raises
    ------
    sqlite3.OperationalError
        The folder is not there, cannot be written, or another agent uses the file.
    """

    def __init__(self, path: Path, station: str, streams: Sequence[str], max_bytes: int, *, compress: bool) -> None:
        self._path, self._station, self._max_bytes, self._compress = path, station, max_bytes, compress
        try:
            self._connection = self._open()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            put_aside(path, error)
            self._connection = self._open()
        (self.run,) = self._connection.execute(SQL["run"]).fetchone()
        (self._page_bytes,) = self._connection.execute(SQL["page_bytes"]).fetchone()
        self._connection.executemany(SQL["add_stream"], [(name,) for name in streams])
        self._streams: dict[str, int] = dict(self._connection.execute(SQL["streams"]))
        # counted once: a full count would read the whole index each time
        counted = self._connection.execute(SQL["count_blocks"])
        self._counts = dict.fromkeys(self._streams.values(), 0) | dict(counted)
        self._accounts = {key: StreamAccounts() for key in self._streams.values()}
        for key, file, offset, check, account in self._connection.execute(SQL["accounts"]):
            self._accounts[key].put(None, _position(file, offset, check, account))
        self._dropped: dict[str, int] = {}
        self._logged_dropped = float("-inf")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @property
    def streams(self) -> tuple[str, ...]:
        """Every stream that was ever put, also those that are no longer configured: their blocks still wait."""
        return tuple(self._streams)

    def put(self, source: SourceConfig, pieces: Sequence[Piece]) -> list[int]:
        """Keep blocks and how far their source is read, both or neither; the oldest make room if they must.

        Parameters
        ----------
        source : SourceConfig
            Where they come from.
        pieces : sequence of Piece
            In the order read; one without samples only moves the source's position.

        Returns
        -------
        list of int
            The blocks' numbers.

        Raises
        ------
        sqlite3.OperationalError
            The disk is full, for instance; nothing is kept then, and the same pieces may be put again.
        """
        seqs: list[int] = []
        dropped: list[int] = []
        with self._connection as connection:
            connection.execute(SQL["begin"])
            key = self._streams[source.stream]
            (following,) = connection.execute(SQL["next_number"], (key,)).fetchone()
            for piece in pieces:
                if piece.n:
                    message = self._encode(source, piece, following)
                    dropped += self._make_room(len(message) + MAX_ROW_BYTES)
                    connection.execute(SQL["put_block"], (key, following, piece.start_ns, source.kind, message))
                    seqs.append(following)
                    following += 1
                    self._remember_sent(key, piece.start_ns, piece.end_ns)
            reached = {piece.position.file: piece.position for piece in pieces if piece.position is not None}
            before = {file: self.position(source.stream, file) for file in reached}
            for position in reached.values():
                account = None if position.account is None else json.dumps(position.account.as_row())
                connection.execute(SQL["put_position"], (key, position.file, position.offset, position.check, account))
            connection.execute(SQL["set_next_number"], (following, key))
        self._counts[key] += len(seqs)
        for file, position in reached.items():
            self._accounts[key].put(before[file], position)
        self._log_dropped(dropped)
        return seqs

    def forget_committed(self, stream: str, watermark: Watermark) -> int:
        """Forget the blocks that a watermark covers; return how many these were."""
        key = self._streams.get(stream)
        if key is None or watermark.run != self.run:
            return 0
        (lowest,) = self._connection.execute(SQL["lowest_number"], (key,)).fetchone()
        if lowest is None:
            return 0
        bounds = [first for first, _ in watermark.open] + [watermark.seq + 1]
        begins = [0] + [last + 1 for _, last in watermark.open]
        covered = [(key, begin, end - 1) for begin, end in zip(begins, bounds, strict=True) if end > max(begin, lowest)]
        before = self._connection.total_changes
        with self._connection as connection:
            connection.execute(SQL["begin"])
            connection.executemany(SQL["forget_blocks"], covered)
        forgotten = self._connection.total_changes - before
        self._counts[key] -= forgotten
        return forgotten

    def read(self, stream: str, seq: int) -> SpooledBlock | None:
        """Return a block, None if it is no longer there."""
        return self._first("block", stream, seq)

    def next_after(self, stream: str, seq: int) -> SpooledBlock | None:
        """Return the oldest block whose number is above ``seq``, None without one."""
        return self._first("block_after", stream, seq)

    def sent_times(self, stream: str) -> SentTimes:
        """Return the stretches of time that a stream has sent."""
        key = self._streams.get(stream)
        return SentTimes(self._connection.execute(SQL["newest_sent"], (key, MAX_SENT_SPANS)).fetchall()[::-1])

    def position(self, stream: str, file: str) -> FilePosition | None:
        """Return how far a file is read, None if it was never."""
        row = self._connection.execute(SQL["position"], (self._streams.get(stream), file)).fetchone()
        return None if row is None else _position(file, *row)

    def accounts(self, stream: str) -> StreamAccounts:
        """Return what became of the files of a stream."""
        return self._accounts[self._streams[stream]]

    def waiting(self) -> dict[str, tuple[int, int | None, int]]:
        """Return, by stream: blocks that wait, START of the oldest of them [ns], blocks dropped ever."""
        rows = self._connection.execute(SQL["waiting"])
        return {name: (self._counts[key], oldest, dropped) for name, key, oldest, dropped in rows}

    @property
    def used_bytes(self) -> int:
        """Bytes in pages that hold something; SQLite uses the others again before the file grows."""
        (pages,) = self._connection.execute(SQL["pages"]).fetchone()
        (free,) = self._connection.execute(SQL["free_pages"]).fetchone()
        return int(pages - free) * int(self._page_bytes)

    @property
    def is_half_full(self) -> bool:
        """Whether what can wait elsewhere had better wait there."""
        return self.used_bytes > self._max_bytes // 2

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=1.0)
        try:
            connection.executescript(SQL["settings"])
            connection.execute(SQL["begin"])
            (version,) = connection.execute(SQL["version"]).fetchone()
            connection.execute(SQL["commit"])
            if version == 0:
                with connection:
                    connection.executescript(SQL["make_tables"])
                    connection.execute(SQL["begin_run"], (time.time_ns(),))
            elif version == 1:
                connection.executescript(SQL["add_accounts"])
        except BaseException:
            connection.close()
            raise
        return connection

    def _encode(self, source: SourceConfig, piece: Piece, seq: int) -> bytes:
        if source.kind == "reading":
            # the shortest decimal that is the same float32
            values = {name: float(str(value)) for name, value in zip(source.channels, piece.samples[:, 0], strict=True)}
            return encode_reading(Reading(self._station, source.stream, piece.start_ns, values, seq, self.run))
        block = SampleBlock(
            self._station,
            source.stream,
            piece.start_ns,
            piece.dt_ns,
            source.channels,
            piece.samples,
            seq,
            self.run,
        )
        return encode_block(block, compress=self._compress)

    def _make_room(self, size: int) -> list[int]:
        """Drop the oldest blocks of all streams until there is room; return the stream of each."""
        dropped: list[int] = []
        pages = size // self._page_bytes + 1 + SPARE_PAGES
        while self.used_bytes + pages * self._page_bytes > self._max_bytes:
            row = self._connection.execute(SQL["oldest_block"]).fetchone()
            if row is None:
                break
            self._connection.execute(SQL["drop_block"], row[:1])
            self._connection.execute(SQL["count_dropped"], row[1:])
            dropped.append(row[1])
        return dropped

    def _log_dropped(self, dropped: Sequence[int]) -> None:
        """Count what was dropped, and log it once a minute."""
        names = {key: name for name, key in self._streams.items()}
        for key in dropped:
            self._counts[key] -= 1
            self._dropped[names[key]] = self._dropped.get(names[key], 0) + 1
        if self._dropped and time.monotonic() - self._logged_dropped >= LOG_SECONDS:
            listed = ", ".join(f"{count} of {name}" for name, count in self._dropped.items())
            log.error("the spool is full: its oldest blocks are dropped (%s); raise max_spool_bytes", listed)
            self._dropped, self._logged_dropped = {}, time.monotonic()

    def _remember_sent(self, key: int, start: int, end: int) -> None:
        """Join a stretch of time with those that it touches."""
        near = self._connection.execute(SQL["sent_near"], (key, end, start)).fetchall()
        touching = [span for span in near if span[1] >= start]
        self._connection.executemany(SQL["delete_sent"], [(key, a) for a, _ in touching])
        joined = (min([start, *(a for a, _ in touching)]), max([end, *(b for _, b in touching)]))
        self._connection.execute(SQL["put_sent"], (key, *joined))

    def _first(self, statement: str, stream: str, seq: int) -> SpooledBlock | None:
        row = self._connection.execute(SQL[statement], (self._streams.get(stream), seq)).fetchone()
        return None if row is None else SpooledBlock(*row)


def _position(file: str, offset: int, check: int, account: str | None) -> FilePosition:
    return FilePosition(file, offset, check, None if account is None else account_of_row(json.loads(account)))


def put_aside(path: Path, error: sqlite3.DatabaseError) -> None:
    """Rename a damaged spool, so that a new one can be begun."""
    aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
    log.error("the spool %s is damaged (%s): put aside as %s, a new one is begun", path, error, aside.name)
    path.rename(aside)
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
