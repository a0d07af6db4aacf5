"""What is sent to one destination, on disk from before it is sent until long after its receipt.

A message is known by stream, command and time: it is made once, under one name (``QN``), and the same bytes are sent
again until its receipt comes. So neither our end nor the other's loses or doubles it.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from core.errors import SetupError
from core.statements import read_statements
from ingest.hj212.codec.segment import format_stamp
from ingest.hj212.sending.averages import Content

MS = 1_000_000
SQL = read_statements("ingest.hj212.sending", "spool.sql")

Build = Callable[[Content, int], tuple[bytes, int]]
"""Make the frames of a message and count them, given its name as a time. [ns since 1970 UTC]"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message without a receipt."""

    id: int
    qn: str
    parts: int
    frames: bytes


class Spool:
    """The spool of one destination. One process and one thread at a time.

    Parameters
    ----------
    path : Path
        Its file; made if it is not there.

    Raises
    ------
    SetupError
        The file cannot be used, or another forwarder uses it.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=5.0, check_same_thread=False)
        try:
            self._connection.executescript(SQL["settings"])
            if self._connection.execute(SQL["version"]).fetchone() == (0,):
                self._connection.executescript(SQL["make_tables"])
            # a write takes the lock, so that a second forwarder ends here
            self._connection.execute(SQL["set_last_name"], self._connection.execute(SQL["last_name"]).fetchone())
        except sqlite3.DatabaseError as error:
            self._connection.close()
            remedy = f"does another forwarder run? If the file is damaged, move {path} away: what it held is sent again"
            raise SetupError(f"cannot use the spool {path}: {error}", remedy) from None

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def put(self, stream: str, contents: Iterable[Content], build: Build) -> int:
        """Keep messages that are new; return how many of the others were first kept with other values.

        These stay as they were: the standard knows no correction.
        """
        changed = 0
        with self._connection as connection:
            connection.execute(SQL["begin"])
            (last,) = connection.execute(SQL["last_name"]).fetchone()
            for content in contents:
                digest = _digest(content)
                key = (stream, content.cn, content.time_ns)
                name_ns = max(time.time_ns() // MS, last + 1) * MS
                frames, parts = build(content, name_ns)
                row = (*key, format_stamp(name_ns, milliseconds=True), digest, parts, frames)
                if connection.execute(SQL["put"], row).rowcount:
                    last = name_ns // MS
                else:
                    changed += connection.execute(SQL["mark_changed"], (*key, digest)).rowcount
            connection.execute(SQL["set_last_name"], (last,))
        return changed

    def known(self, stream: str, cn: str, start_ns: int, end_ns: int) -> dict[int, bytes]:
        """Return the messages of a stream and command in [start, end): time -> what tells its values apart."""
        return dict(self._connection.execute(SQL["known"], (stream, cn, start_ns, end_ns)))

    def waiting(self, after: int, limit: int) -> list[Waiting]:
        """Return messages without a receipt that were made after another one, oldest first."""
        return [Waiting(*row) for row in self._connection.execute(SQL["waiting"], (after, limit))]

    def receive(self, qn: str) -> bool:
        """Mark a message as received; say whether it waited for that."""
        with self._connection as connection:
            connection.execute(SQL["begin"])
            return bool(connection.execute(SQL["receive"], (time.time_ns(), qn)).rowcount)

    def count(self) -> tuple[int, int, int]:
        """Return how many messages wait, how many are received, and how many have other values now than were sent."""
        waiting, received, changed = self._connection.execute(SQL["count"]).fetchone()
        return waiting, received, changed or 0

    def forget(self, before_ns: int) -> None:
        """Forget received messages of data before a time, which ``floor_ns`` is not below from now on. [ns]"""
        with self._connection as connection:
            connection.execute(SQL["begin"])
            connection.execute(SQL["forget"], (before_ns,))
            connection.execute(SQL["raise_floor"], (before_ns,))

    @property
    def floor_ns(self) -> int:
        """Data from before are not to be looked at: what was sent of them is forgotten. [ns since 1970 UTC]"""
        (forgotten,) = self._connection.execute(SQL["floor"]).fetchone()
        return int(forgotten)


def is_same(content: Content, known: bytes | None) -> bool:
    """Whether a message was kept with the same values."""
    return known is not None and known == _digest(content)


def _digest(content: Content) -> bytes:
    return hashlib.sha256(repr(content.groups).encode()).digest()[:12]
