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
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from core.clock import NS
from core.errors import PayloadError
from ingest.agent.blocks import BlockMaker, Piece, Place, Spans
from ingest.agent.config import FileSource
from ingest.agent.toa5 import LineReader
from ingest.files.header import HEADER_LINES

CHUNK = 1 << 17
"""Bytes read from one file at once."""
LONGEST_LINE = 1 << 16
CHECKED = 4096
"""Bytes at the end of a line by which it is known again, at most."""
MAX_TAILS = 100
"""Most files followed at a time; the others, older ones, wait until these are read."""
RESCAN_SECONDS = 60.0
"""How often every file is looked at; the folder's own time of change tells of new names at once. [s]"""

DAY_NS = 86_400 * NS

State = tuple[int, int]
"""Size [bytes] and time of change [ns] of a file."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Tail:
    """One file that is followed.

    Attributes
    ----------
    path, inode
        Where it is, and by what it is found again after it was renamed.
    reader, maker
        Read its lines and make its blocks.
    first_ns : int
        START of its first record. [ns since 1970 UTC]
    place : Place
        How far it is read; the spool may know less, for what waits for the rest of its block is read again.
    state : (int, int)
        What it was when it was last looked at.
    read_to : int
        Its size when there was no whole line left to read; -1 before. [bytes]
    moved : float
        When something new was last found, on the monotonic clock. [s]
    is_bad : bool
        A line that is no record was reported.
    """

    path: Path
    inode: int
    reader: LineReader
    maker: BlockMaker
    first_ns: int
    place: Place
    state: State
    read_to: int = -1
    moved: float = 0.0
    is_bad: bool = False

    @property
    def has_more(self) -> bool:
        """Whether there is something that was not looked at."""
        return self.state[0] not in (self.place.offset, self.read_to)


class Follower:
    """Reads the new records of a folder's files.

    Parameters
    ----------
    source : FileSource
        Which files, which columns.
    sent : Spans
        Which times were sent.
    place_of : callable
        From a file's fingerprint to how far it was read, None if it never was.
    """

    def __init__(self, source: FileSource, sent: Spans, place_of: Callable[[str], Place | None]) -> None:
        self._source, self._sent, self._place_of = source, sent, place_of
        self._tails: dict[str, Tail] = {}
        self._settled: dict[int, State] = {}  # files read to their end, refused or copies: of no interest until changed
        self._left_over = False
        self._folder_changed = -1
        self._scanned = float("-inf")
        self._repeated = 0
        self.bad_lines = 0

    @property
    def repeated(self) -> int:
        """Records whose time had been sent."""
        return self._repeated + sum(tail.maker.repeated for tail in self._tails.values())

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
        tails = sorted(self._tails.values(), key=lambda tail: (tail.first_ns < latest, tail.first_ns))
        wanted = tails[-1:] + [tail for tail in tails[:-1] if tail.has_more][:1] if has_room else tails[-1:]
        before = [tail.place for tail in wanted]
        for tail in wanted:
            pieces += self._read(tail, now, has_room=has_room)
        is_moving = before != [tail.place for tail in wanted]
        for tail in tails:
            if not tail.maker.is_empty and now - tail.moved >= self._source.flush_seconds:
                pieces += tail.maker.finish()
            if tail is not tails[-1] and not tail.has_more and tail.maker.is_empty:
                self._settle(tail)
        return pieces, has_room and is_moving and any(tail.has_more for tail in tails)

    def finish(self) -> list[Piece]:
        """Return what waits for the rest of its block."""
        return [piece for tail in self._tails.values() for piece in tail.maker.finish()]

    def _scan(self, now: float) -> list[Piece]:
        """Look for new, renamed and vanished files if the folder has changed, and at all of them now and then."""
        is_due = now - self._scanned >= RESCAN_SECONDS or (self._left_over and len(self._tails) <= 1)
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
        self._folder_changed, self._scanned, self._left_over = changed, now, False
        self._settled = {inode: state for inode, state in self._settled.items() if inode in files}
        pieces: list[Piece] = []
        for tail in list(self._tails.values()):
            if tail.inode in files:
                tail.path, tail.state = files[tail.inode]
            else:
                log.warning("%s is gone", tail.path)
                pieces += tail.maker.finish()
                self._settle(tail)
        newest_first = sorted(files.items(), key=lambda item: item[1][1][1], reverse=True)
        for inode, (path, state) in newest_first:
            if fnmatch.fnmatchcase(path.name, self._source.pattern):
                self._look(path, inode, state)
        return pieces

    def _look(self, path: Path, inode: int, state: State) -> None:
        """Begin to follow a file, if it has records and is neither followed nor settled."""
        if self._settled.get(inode) == state or any(tail.inode == inode for tail in self._tails.values()):
            return
        if len(self._tails) >= MAX_TAILS:
            self._left_over = True
        else:
            try:
                with path.open("rb") as file:
                    self._follow(path, file, inode, state)
            except OSError as error:
                log.error("%s is not read: %s", path, error.strerror)
                self._settled[inode] = state
            except PayloadError as error:
                log.error("%s is not read: %s", path.parent, error)
                self._settled[inode] = state

    def _follow(self, path: Path, file: BinaryIO, inode: int, state: State) -> None:
        head = [file.readline(LONGEST_LINE) for _ in range(HEADER_LINES + 1)]
        if len(head[0]) > 5 and not head[0].lstrip(b'"').startswith(b"TOA5"):
            raise PayloadError(f"{path.name}: this is no TOA5 file: correct `pattern`")
        if not head[-1].endswith(b"\n"):
            return  # no record yet
        lines = [line.rstrip(b"\r\n") for line in head]
        reader = LineReader(self._source, lines[:HEADER_LINES], path.name)
        print_of = hashlib.sha256(b"".join(head)).hexdigest()[:32]
        known = self._tails.get(print_of)
        if known is not None:
            if known.state[0] >= state[0]:
                self._settled[inode] = state  # a copy
            else:
                self._settled[known.inode] = known.state
                known.path, known.inode, known.state = path, inode, state
            return
        place = self._place_of(print_of)
        if place is None or not place.offset:
            place = Place(print_of, sum(len(line) for line in head[:-1]), check_of(head[-2]))
        first = reader.read(lines[-1])
        first_ns = first[0] if first else 0
        is_older = any(tail.first_ns > first_ns for tail in self._tails.values())
        if is_older and place.offset == state[0] and _is_unchanged(file, place):
            self._settled[inode] = state  # read to its end by an earlier process
            return
        maker = BlockMaker(self._source, self._sent)
        self._tails[print_of] = Tail(path, inode, reader, maker, first_ns, place, state, moved=time.monotonic())

    def _read(self, tail: Tail, now: float, *, has_room: bool) -> list[Piece]:
        """Read a file's next lines; a last line without an end waits."""
        try:
            with tail.path.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_ino != tail.inode:
                    raise FileNotFoundError
                tail.state = status.st_size, status.st_mtime_ns
                if not tail.has_more or (not has_room and tail.state[0] - tail.place.offset > CHUNK):
                    return []
                if not _is_unchanged(file, tail.place):
                    return self._start_again(tail)
                file.seek(tail.place.offset)
                text = file.read(CHUNK)
        except FileNotFoundError:
            self._scanned = float("-inf")  # another file has its name, or none: look where it went
            return []
        except OSError as error:
            if now - tail.moved > RESCAN_SECONDS:
                tail.moved = now
                log.warning("%s cannot be read: %s", tail.path, error.strerror)
            return []
        pieces: list[Piece] = []
        for line, place in _whole_lines(text, tail.place):
            record = tail.reader.read(line)
            if record is None:
                tail.maker.skip(place)
                self._count_bad(tail, line)
            else:
                pieces += tail.maker.add(*record, place)
            tail.place, tail.moved = place, now
        if len(text) < CHUNK:
            tail.read_to = tail.state[0]
        return pieces

    def _start_again(self, tail: Tail) -> list[Piece]:
        """Read a file that is shorter or another than it was from its beginning, at the next look."""
        log.warning("%s has changed before byte %d: read from its beginning", tail.path, tail.place.offset)
        pieces = tail.maker.finish()
        self._settle(tail)
        del self._settled[tail.inode]
        self._scanned = float("-inf")
        # the spool must know, or it would say again how far the file was read
        nothing = np.empty((len(self._source.channels), 0), np.float32)
        return [*pieces, Piece(0, self._source.dt_ns, nothing, Place(tail.place.file, 0, 0))]

    def _settle(self, tail: Tail) -> None:
        self._repeated += tail.maker.repeated
        self._settled[tail.inode] = tail.state
        del self._tails[tail.place.file]

    def _count_bad(self, tail: Tail, line: bytes) -> None:
        self.bad_lines += 1
        if not tail.is_bad:
            tail.is_bad = True
            shown = line[:60].decode("ascii", "backslashreplace")
            log.warning("%s: a line is no record of its table and is left out: %r", tail.path, shown)


def check_of(text: bytes) -> int:
    """Return the sum by which the end of a line is known again."""
    return zlib.crc32(text[-CHECKED:])


def _is_unchanged(file: BinaryIO, place: Place) -> bool:
    """Tell whether a file still has the line before a place."""
    file.seek(max(0, place.offset - CHECKED))
    before = file.read(min(CHECKED, place.offset))
    if len(before) < min(CHECKED, place.offset):
        return False
    return check_of(before[before.rfind(b"\n", 0, -1) + 1 :]) == place.check


def _whole_lines(text: bytes, place: Place) -> Iterator[tuple[bytes, Place]]:
    """Yield each line that has its end, and where the next begins; what can be no line is given as an empty one."""
    begin = 0
    while end := text.find(b"\n", begin) + 1:
        line = text[begin:end]
        yield line, Place(place.file, place.offset + end, check_of(line))
        begin = end
    if not begin and len(text) >= LONGEST_LINE:
        yield b"", Place(place.file, place.offset + len(text), check_of(text))


def _list_files(folder: Path) -> dict[int, tuple[Path, State]]:
    """Return a folder's files by inode, without gzip files."""
    files: dict[int, tuple[Path, State]] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                if not entry.name.endswith(".gz") and entry.is_file():
                    status = entry.stat()
                    files[status.st_ino] = Path(entry.path), (status.st_size, status.st_mtime_ns)
            except FileNotFoundError:
                continue  # removed this moment
    return files
