"""Reads a source into the spool: what the disk refuses waits, bounded, and nothing is read ahead of it."""

from __future__ import annotations

import logging
import sqlite3
import time

from core.clock import NS
from ingest.agent.blocks import Piece
from ingest.agent.config import FileSourceConfig, LineSourceConfig
from ingest.agent.files import FolderFollower
from ingest.agent.lines import LinePort
from ingest.agent.spool import Spool

LIVE_NS = 120 * NS
"""Samples that ended less than this ago are live. [ns]"""
MAX_UNSAVED_BLOCKS = 600
"""Most blocks of a line source that wait in memory while the disk refuses them."""
RETRY_SECONDS = 5.0

log = logging.getLogger(__name__)


class SourceReader:
    """A source and the pieces of it that the spool has not taken yet.

    Parameters
    ----------
    source : FileSourceConfig or LineSourceConfig
        What to read.
    spool : Spool
        Where to put it.
    """

    def __init__(self, source: FileSourceConfig | LineSourceConfig, spool: Spool) -> None:
        self.source, self._spool = source, spool
        self._unsaved: list[Piece] = []
        self._retry_at = 0.0
        self.lost = 0
        self._port = LinePort(source) if isinstance(source, LineSourceConfig) else None
        self._follower: FolderFollower | None = None
        if isinstance(source, FileSourceConfig):
            self._follower = FolderFollower(
                source, spool.sent_times(source.stream), lambda file: spool.position(source.stream, file)
            )

    @property
    def fileno(self) -> int:
        """What to wait for, -1 where there is nothing."""
        return -1 if self._port is None else self._port.fileno()

    @property
    def bad_lines(self) -> int:
        """Lines that were no records."""
        if self._port is not None:
            return self._port.bad_lines
        return self._follower.bad_lines if self._follower is not None else 0

    @property
    def repeated(self) -> int:
        """Records whose time had been sent."""
        return 0 if self._follower is None else self._follower.repeated

    def poll(self) -> tuple[list[int], bool]:
        """Read what is new and put it into the spool.

        Returns
        -------
        live : list of int
            Numbers of the blocks whose samples are live.
        more : bool
            Whether there is more to read at once.
        """
        more = False
        if self._port is not None:
            self._unsaved += self._port.poll()
        elif self._follower is not None and not self._unsaved:
            # the files keep what the spool has no room for
            pieces, more = self._follower.poll(has_room=not self._spool.is_half_full)
            self._unsaved += pieces
        return self._save(), more and not self._unsaved

    def finish(self) -> None:
        """Put what waits for the rest of its block, and close the source."""
        if self._port is not None:
            self._unsaved += self._port.finish()
        elif self._follower is not None and not self._unsaved:
            self._unsaved += self._follower.finish()
        self._retry_at = 0.0
        self._save()

    def _save(self) -> list[int]:
        now = time.monotonic()
        if not self._unsaved or now < self._retry_at:
            return []
        try:
            seqs = self._spool.put(self.source, self._unsaved)
        except sqlite3.OperationalError as error:
            log.error("the spool does not take %d blocks of %s: %s", len(self._unsaved), self.source.stream, error)
            self._retry_at = now + RETRY_SECONDS
            if self._port is not None and len(self._unsaved) > MAX_UNSAVED_BLOCKS:
                self.lost += len(self._unsaved) - MAX_UNSAVED_BLOCKS
                del self._unsaved[:-MAX_UNSAVED_BLOCKS]
            return []
        full = [piece for piece in self._unsaved if piece.n]
        self._unsaved = []
        live_since = time.time_ns() - LIVE_NS
        return [seq for seq, piece in zip(seqs, full, strict=True) if piece.end_ns > live_since]
