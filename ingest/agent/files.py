"""Follows a logger's files in a folder: growing, rotated, renamed, truncated, copied - every record is found once.

A file is known by a fingerprint of its beginning, and a record by its time stamp. So the newest file is read first, the
older ones when there is time; and a file that is no longer what it was is read from its beginning, for what was sent is
not sent again.
"""

from __future__ import annotations

import fnmatch
import hashlib
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from core.clock import NS
from core.errors import PayloadError
from ingest.agent.blocks import BlockMaker, Piece, SentTimes
from ingest.agent.config import FileSourceConfig
from ingest.agent.file_account import FollowedAccount, classify
from ingest.agent.file_position import MAX_LINE_BYTES, FilePosition, checksum_of, is_unchanged, whole_lines
from ingest.agent.toa5 import LineReader, begins_header, find_last_header
from ingest.files.header import HEADER_LINES

READ_BYTES = 1 << 17
"""Bytes read from one file at once."""
MAX_FOLLOWED = 100
"""Most files followed at a time; the others, older ones, wait until these are read."""
RESCAN_SECONDS = 60.0
"""How often every file is looked at; the folder's own time of change shows new names at once. [s]"""

DAY_NS = 86_400 * NS

FileState = tuple[int, int]
"""Size [bytes] and time of change [ns] of a file."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class FollowedFile:
    """One file that is followed.

    Attributes
    ----------
    path, inode
        Where it is, and by what it is found again after it was renamed.
    reader, maker
        Read its lines and make its blocks; no reader behind a header that cannot be used.
    header : list of bytes
        Lines of a new header inside the file, as far as they are read.
    refused : str
        Why the header that holds now cannot be used; empty if it can.
    first_ns : int
        START of its first record. [ns since 1970 UTC]
    position : FilePosition
        How far it is read; the spool may know less, for what waits for the rest of its block is read again.
    state : (int, int)
        What it was when it was last looked at.
    read_to : int
        Its size when there was no whole line left to read; -1 before. [bytes]
    changed_at : float
        When something new was last found, on the monotonic clock. [s]
    is_bad : bool
        A line that is no record was reported.
    """

    path: Path
    inode: int
    reader: LineReader | None
    maker: BlockMaker
    first_ns: int
    position: FilePosition
    state: FileState
    read_to: int = -1
    changed_at: float = 0.0
    is_bad: bool = False
    header: list[bytes] = field(default_factory=list)
    refused: str = ""

    @property
    def has_more(self) -> bool:
        """Whether there is something that was not looked at."""
        return self.state[0] not in (self.position.offset, self.read_to)


class FolderFollower:
    """Reads the new records of a folder's files.

    Parameters
    ----------
    source : FileSourceConfig
        Which files, which columns.
    sent : SentTimes
        Which times were sent.
    position_of : callable
        From a file's fingerprint to how far it was read, None if it never was.
    """

    def __init__(
        self, source: FileSourceConfig, sent: SentTimes, position_of: Callable[[str], FilePosition | None]
    ) -> None:
        self._source, self._sent, self._position_of = source, sent, position_of
        self._followed: dict[str, FollowedFile] = {}
        self._finished: dict[
            int, FileState
        ] = {}  # files read to their end, refused or copies: of no interest until changed
        self._has_unfollowed = False
        self._folder_changed = -1
        self._scanned = float("-inf")
        self._repeated = 0
        self.bad_lines = 0

    @property
    def repeated(self) -> int:
        """Records whose time had been sent."""
        return self._repeated + sum(file.maker.repeated for file in self._followed.values())

    def poll(self, *, has_room: bool = True) -> tuple[list[Piece], bool]:
        """Read what is new in the newest file, and then some of the oldest that is not read to its end.

        Parameters
        ----------
        has_room : bool
            Catch up, too; otherwise only what is written right now is read, for the files keep the rest themselves.

        Returns
        -------
        pieces : list of Piece
            To be put into the spool, in this order.
        more : bool
            Whether there is more to read at once.
        """
        now = time.monotonic()
        pieces = self._scan(now)
        latest = time.time_ns() + DAY_NS  # a logger whose clock ran ahead must not keep its file the newest
        followed = sorted(self._followed.values(), key=lambda file: (file.first_ns < latest, file.first_ns))
        chosen = followed[-1:] + [file for file in followed[:-1] if file.has_more][:1] if has_room else followed[-1:]
        before = [file.position for file in chosen]
        for file in chosen:
            pieces += self._read(file, now, has_room=has_room)
        is_moving = before != [file.position for file in chosen]
        for file in followed:
            if not file.maker.is_empty and now - file.changed_at >= self._source.flush_seconds:
                pieces += file.maker.finish()
            if file is not followed[-1] and not file.has_more and file.maker.is_empty:
                self._finish_file(file)
        return pieces, has_room and is_moving and any(file.has_more for file in followed)

    def finish(self) -> list[Piece]:
        """Return what waits for the rest of its block."""
        return [piece for file in self._followed.values() for piece in file.maker.finish()]

    def _scan(self, now: float) -> list[Piece]:
        """Look for new, renamed and vanished files if the folder has changed, and at all of them now and then."""
        is_due = now - self._scanned >= RESCAN_SECONDS or (self._has_unfollowed and len(self._followed) <= 1)
        try:
            changed = self._source.folder.stat().st_mtime_ns
            if changed == self._folder_changed and not is_due:
                return []
            files = _list_files(self._source.folder)
        except OSError as error:
            if is_due:
                log.warning("folder %s: %s", self._source.folder, error.strerror)
                self._scanned = now
            return []
        self._folder_changed, self._scanned, self._has_unfollowed = changed, now, False
        self._finished = {inode: state for inode, state in self._finished.items() if inode in files}
        pieces: list[Piece] = []
        for file in list(self._followed.values()):
            if file.inode in files:
                file.path, file.state = files[file.inode]
            else:
                log.warning("%s is gone", file.path)
                pieces += file.maker.finish()
                self._finish_file(file)
        newest_first = sorted(files.items(), key=lambda item: item[1][1][1], reverse=True)
        for inode, (path, state) in newest_first:
            if fnmatch.fnmatchcase(path.name, self._source.pattern):
                self._look(path, inode, state)
        return pieces

    def _look(self, path: Path, inode: int, state: FileState) -> None:
        """Begin to follow a file, if it has records and is neither followed nor finished."""
        if self._finished.get(inode) == state or any(file.inode == inode for file in self._followed.values()):
            return
        if len(self._followed) >= MAX_FOLLOWED:
            self._has_unfollowed = True
        else:
            try:
                with path.open("rb") as opened:
                    self._follow(path, opened, inode, state)
            except OSError as error:
                log.error("%s is not read: %s", path, error.strerror)
                self._finished[inode] = state
            except PayloadError as error:
                log.error("%s is not read: %s", path.parent, error)
                self._finished[inode] = state

    def _follow(self, path: Path, opened: BinaryIO, inode: int, state: FileState) -> None:
        head = [opened.readline(MAX_LINE_BYTES) for _ in range(HEADER_LINES + 1)]
        if len(head[0]) > 5 and not head[0].lstrip(b'"').startswith(b"TOA5"):
            raise PayloadError(f"{path.name}: this is no TOA5 file: correct `pattern`")
        if not head[-1].endswith(b"\n"):
            return  # no record yet
        lines = [line.rstrip(b"\r\n") for line in head]
        reader = LineReader(self._source, lines[:HEADER_LINES], path.name)
        fingerprint = hashlib.sha256(b"".join(head)).hexdigest()[:32]
        known = self._followed.get(fingerprint)
        if known is not None:
            if known.state[0] >= state[0]:
                self._finished[inode] = state  # a copy
            else:
                self._finished[known.inode] = known.state
                known.path, known.inode, known.state = path, inode, state
            return
        position = self._position_of(fingerprint)
        if position is None or not position.offset:
            position = FilePosition(fingerprint, sum(len(line) for line in head[:-1]), checksum_of(head[-2]))
        first = reader.read(lines[-1])
        first_ns = first[0] if first else 0
        is_older = any(file.first_ns > first_ns for file in self._followed.values())
        if is_older and position.offset == state[0] and is_unchanged(opened, position):
            self._finished[inode] = state  # read to its end by an earlier process
            return
        maker = BlockMaker(self._source, self._sent, _account_at(opened, position, path.name))
        file = FollowedFile(path, inode, reader, maker, first_ns, position, state, changed_at=time.monotonic())
        self._followed[fingerprint] = file
        if again := find_last_header(opened, position):
            # what holds at the position is the last header before it, and that may not be read to its end
            at, lines = again
            if at.offset < position.offset:
                opened.seek(at.offset)
                read_again = opened.read(position.offset - at.offset)
                maker.account.go_back(read_again.count(b"\n"), len(read_again))
            file.position = at
            self._take_header(file, lines)

    def _read(self, file: FollowedFile, now: float, *, has_room: bool) -> list[Piece]:
        """Read a file's next lines; a last line without an end waits."""
        try:
            with file.path.open("rb") as opened:
                status = os.fstat(opened.fileno())
                if status.st_ino != file.inode:
                    raise FileNotFoundError
                file.state = status.st_size, status.st_mtime_ns
                if not file.has_more or (not has_room and file.state[0] - file.position.offset > READ_BYTES):
                    return []
                if not is_unchanged(opened, file.position):
                    return self._start_again(file)
                opened.seek(file.position.offset)
                text = opened.read(READ_BYTES)
        except FileNotFoundError:
            self._scanned = float("-inf")  # another file has its name, or none: look where it went
            return []
        except OSError as error:
            if now - file.changed_at > RESCAN_SECONDS:
                file.changed_at = now
                log.warning("%s cannot be read: %s", file.path, error.strerror)
            return []
        pieces: list[Piece] = []
        file.maker.account.file = file.path.name
        for line, position in whole_lines(text, file.position):
            size = position.offset - file.position.offset
            is_header = file.header or begins_header(line)
            record = None if is_header or file.reader is None else file.reader.read(line)
            if is_header:
                file.maker.skip(position, size)
                self._take_header(file, [line])
            elif record is None:
                file.maker.skip(position, size, file.refused or classify(line))
                self._count_bad(file, line)
            else:
                pieces += file.maker.add(*record, position, size)
            file.position, file.changed_at = position, now
        if len(text) < READ_BYTES:
            file.read_to = file.state[0]
        return pieces

    def _take_header(self, file: FollowedFile, lines: list[bytes]) -> None:
        """Take lines of a new header; what follows it is read by it, or left out if it lacks a column."""
        file.header += [line.rstrip(b"\r\n") for line in lines]
        if len(file.header) < HEADER_LINES:
            return
        try:
            file.reader, file.refused = LineReader(self._source, file.header, file.path.name), ""
        except PayloadError as error:
            why = str(error).removeprefix(f"{file.path.name}: line 2: ")
            file.reader, file.refused = None, f"behind a new header: {why}"
            log.error(
                "%s has a new header before byte %d, and what follows is left out: %s",
                file.path, file.position.offset, error,
            )  # fmt: skip
        file.header = []

    def _start_again(self, file: FollowedFile) -> list[Piece]:
        """Read a file that is shorter or another than it was from its beginning, at the next look."""
        log.warning("%s has changed before byte %d: read from its beginning", file.path, file.position.offset)
        pieces = file.maker.finish()
        self._finish_file(file)
        del self._finished[file.inode]
        self._scanned = float("-inf")
        # the spool must know, or it would say again how far the file was read
        nothing = np.empty((len(self._source.channels), 0), np.float32)
        return [*pieces, Piece(0, self._source.dt_ns, nothing, FilePosition(file.position.file, 0, 0))]

    def _finish_file(self, file: FollowedFile) -> None:
        level = logging.WARNING if file.maker.account.left_out else logging.INFO
        log.log(level, "read to byte %d: %s", file.position.offset, file.maker.account.describe())
        self._repeated += file.maker.repeated
        self._finished[file.inode] = file.state
        del self._followed[file.position.file]

    def _count_bad(self, file: FollowedFile, line: bytes) -> None:
        self.bad_lines += 1
        if not file.is_bad:
            file.is_bad = True
            shown = line[:60].decode("ascii", "backslashreplace")
            log.warning("%s: a line is no record of its table and is left out: %r", file.path, shown)


def _account_at(opened: BinaryIO, position: FilePosition, name: str) -> FollowedAccount:
    """Return the account of a file up to a position: that which was kept, or a new one."""
    if position.account is not None:
        return position.account.copy()
    opened.seek(0)
    lines, rest = 0, position.offset
    while rest and (text := opened.read(min(READ_BYTES, rest))):
        lines, rest = lines + text.count(b"\n"), rest - len(text)
    if lines == HEADER_LINES:
        return FollowedAccount(name, lines=lines, header_bytes=position.offset)
    return FollowedAccount(name, counted_from=position.offset, lines=lines)


def _list_files(folder: Path) -> dict[int, tuple[Path, FileState]]:
    """Return a folder's files by inode, without gzip files."""
    files: dict[int, tuple[Path, FileState]] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                if not entry.name.endswith(".gz") and entry.is_file():
                    status = entry.stat()
                    files[status.st_ino] = Path(entry.path), (status.st_size, status.st_mtime_ns)
            except FileNotFoundError:
                continue  # removed this moment
    return files
