"""Lines of values from a serial port or a TCP server, stamped when they arrive.

An instrument's line has no time, and its arrival is late by what buffers and networks add: never early. So a block's
start is what its earliest line says, and it goes on where the block before ended as long as the two agree within half a
step; then only an eighth of the difference is taken over, which follows the instrument's clock and not the jitter. If
they do not agree, lines were lost or a clock was set, and the block begins where its lines say. Each line is one
sample; none is invented and none is left out: a damaged one is a missing sample, or those after it would move. A line
that is late by more than ``gap_seconds`` begins a new block.
"""

from __future__ import annotations

import errno
import functools
import logging
import math
import operator
import os
import re
import socket
import termios
import time
from collections.abc import Sequence

from core.clock import NS
from ingest.agent.blocks import Piece, samples_of
from ingest.agent.config import LineSourceConfig

MAX_LINE_BYTES = 4096
READ_BYTES = 1 << 16
MIN_RETRY_SECONDS, MAX_RETRY_SECONDS = 1.0, 60.0
"""Wait before a port is opened again; doubled each time. [s]"""
CONNECT_SECONDS = 2.0
"""How long to wait for a TCP server; the other sources wait meanwhile. [s]"""
SILENCE_SECONDS = 60.0
"""A TCP server that is silent so long (and five steps) is connected again: a dead link says nothing. [s]"""
CLOCK_SMOOTHING = 8
_CHECKED = re.compile(rb"\x02([^\x02\x03]*)\x03\s*([0-9A-Fa-f]{2})\s*$")

log = logging.getLogger(__name__)


class LineBlockMaker:
    """Makes blocks, or readings, of lines.

    Parameters
    ----------
    source : LineSourceConfig
        Step, block length and layout.
    """

    def __init__(self, source: LineSourceConfig) -> None:
        self._source = source
        self._per_block = round(source.block_ns / source.dt_ns)
        self._rows: list[Sequence[float]] = []
        self._earliest = 0
        """START of the block's first sample, as its earliest line says. [ns since 1970 UTC]"""
        self._end: int | None = None
        """END of the block before. [ns since 1970 UTC]"""

    def add(self, values: Sequence[float], arrived_ns: int) -> list[Piece]:
        """Take a line's values; return what it completes."""
        dt_ns = self._source.dt_ns
        if self._source.kind == "reading":
            # the interval on the grid whose end is nearest
            start = (arrived_ns + dt_ns // 2) // dt_ns * dt_ns - dt_ns
            return [Piece(start, dt_ns, samples_of({0: values}, len(values), 1))]
        made: list[Piece] = []
        start = arrived_ns - dt_ns - len(self._rows) * dt_ns
        if self._rows and abs(start - self._earliest) > self._source.gap_seconds * NS:
            made = self.finish()
            start = arrived_ns - dt_ns
        self._earliest = min(start, self._earliest) if self._rows else start
        self._rows.append(values)
        return made + self.finish() if len(self._rows) == self._per_block else made

    def finish(self) -> list[Piece]:
        """Return what waits as a block that may be shorter; an empty list if nothing does."""
        if not self._rows:
            return []
        start, dt_ns = self._earliest, self._source.dt_ns
        if self._end is not None and abs(start - self._end) < dt_ns // 2:
            start = self._end + (start - self._end) // CLOCK_SMOOTHING
        start -= start % 1000  # the store keeps microseconds
        samples = samples_of(dict(enumerate(self._rows)), len(self._source.channels), len(self._rows))
        piece = Piece(start, dt_ns, samples)
        self._end = piece.end_ns
        self._rows = []
        return [piece]

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits for the rest of its block."""
        return not self._rows


class LinePort:
    """A port that is opened again whenever it breaks; reading never blocks.

    Parameters
    ----------
    source : LineSourceConfig
        Which port, and what its lines are.
    """

    def __init__(self, source: LineSourceConfig) -> None:
        self._source = source
        self._maker = LineBlockMaker(source)
        self._fd = -1
        self._socket: socket.socket | None = None
        self._rest: bytes | None = None
        """The last line without its end; None until the first line end, for what is before it may be half a line."""
        self._retry_seconds = MIN_RETRY_SECONDS
        self._retry_at = 0.0
        self._received_at = 0.0
        self._has_checksum = False
        """Whether a checksum behind ETX has agreed: from then on it must."""
        self.bad_lines = 0

    def fileno(self) -> int:
        """Return what to wait for, -1 while there is nothing."""
        return self._fd

    def poll(self) -> list[Piece]:
        """Read what has come; open the port if it is time for that."""
        now = time.monotonic()
        pieces: list[Piece] = []
        try:
            if self._fd < 0:
                if now < self._retry_at:
                    return self._flush(now)
                self._open(now)
            pieces = self._read(now)
        except OSError as error:
            self._retry_later(now, error.strerror or str(error))
        return pieces + self._flush(now)

    def finish(self) -> list[Piece]:
        """Close the port and return what waits for the rest of its block."""
        self._close()
        return self._maker.finish()

    def _open(self, now: float) -> None:
        source = self._source
        if source.device:
            self._fd = open_serial(source.device, source.baud)
        else:
            self._socket = socket.create_connection((source.host, source.port), CONNECT_SECONDS)
            self._socket.setblocking(False)
            self._fd = self._socket.fileno()
        self._received_at = now
        self._rest = None
        log.info("%s: listening", source.where)

    def _read(self, now: float) -> list[Piece]:
        try:
            text = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            if self._socket is not None and now - self._received_at > max(SILENCE_SECONDS, 5 * self._source.dt_ns / NS):
                raise OSError(errno.ETIMEDOUT, "silent") from None
            return []
        arrived_ns = time.time_ns()
        if not text:
            raise OSError(errno.ECONNRESET, "closed by the other side")
        self._received_at, self._retry_seconds = now, MIN_RETRY_SECONDS
        *lines, rest = re.split(rb"[\r\n]+", (self._rest or b"") + text)
        if self._rest is None:
            if not lines:
                return []
            del lines[0]
        self._rest = rest if len(rest) <= MAX_LINE_BYTES else None
        pieces: list[Piece] = []
        for line in lines:
            values = self._values(line)
            if values is None and line:
                self._count_bad(line)
                values = missing_sample(line, self._source)
            if values is not None:
                pieces += self._maker.add(values, arrived_ns)
        return pieces

    def _values(self, line: bytes) -> list[float] | None:
        agrees = checksum_agrees(line)
        self._has_checksum = self._has_checksum or agrees is True
        if agrees is False and self._has_checksum:
            return None
        return read_line(line, self._source)

    def _flush(self, now: float) -> list[Piece]:
        if self._maker.is_empty or now - self._received_at < self._source.flush_seconds:
            return []
        return self._maker.finish()

    def _retry_later(self, now: float, reason: str) -> None:
        log.warning("%s: %s; trying again in %.0f s", self._source.where, reason, self._retry_seconds)
        self._close()
        self._retry_at = now + self._retry_seconds
        self._retry_seconds = min(2 * self._retry_seconds, MAX_RETRY_SECONDS)

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        elif self._fd >= 0:
            os.close(self._fd)
        self._socket, self._fd = None, -1

    def _count_bad(self, line: bytes) -> None:
        self.bad_lines += 1
        if self.bad_lines == 1:
            shown = line[:60].decode("ascii", "backslashreplace")
            log.warning(
                "%s: a line is damaged, or does not have the %d fields of the configuration; it is no sample: %r",
                self._source.where,
                len(self._source.fields),
                shown,
            )


def read_line(line: bytes, source: LineSourceConfig) -> list[float] | None:
    """Return a line's values, one a channel, None if it has other fields than the configuration says."""
    try:
        text = line.decode("ascii")
    except UnicodeDecodeError:
        return None
    fields = text.split() if source.separator == " " else text.split(source.separator)
    if len(fields) != len(source.fields):
        return None
    values = []
    for name, field in zip(source.fields, fields, strict=True):
        if name:
            word = field.strip(' \t"\x02\x03')
            try:
                values.append(math.nan if word in ("", "NAN", *source.missing) else float(word))
            except ValueError:
                return None
    return values


def checksum_agrees(line: bytes) -> bool | None:
    """Compare the two hexadecimal digits behind ETX with what is between STX and ETX, all its bytes XORed (Gill).

    Returns
    -------
    bool or None
        None if the line has no such digits.
    """
    found = _CHECKED.search(line)
    if found is None:
        return None
    return functools.reduce(operator.xor, found[1], 0) == int(found[2], 16)


def missing_sample(line: bytes, source: LineSourceConfig) -> list[float] | None:
    """Return missing values for a damaged line, None for one of another kind: that has less than half of the fields.

    A reading that is not there needs none to keep the place of the others.
    """
    separators = len(line.split()) - 1 if source.separator == " " else line.count(source.separator.encode())
    if source.kind == "reading" or 2 * (separators + 1) < len(source.fields):
        return None
    return [math.nan] * len(source.channels)


def open_serial(device: str, baud: int) -> int:
    """Open a serial port, raw, 8 bits, no parity, one stop bit, no flow control; reading does not block.

    Raises
    ------
    OSError
        There is no such port, or it does not know the speed.
    """
    speed = getattr(termios, f"B{baud}", None)
    if speed is None:
        raise OSError(errno.EINVAL, f"no speed of {baud} baud")
    fd = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        control = termios.tcgetattr(fd)[6]
        control[termios.VMIN], control[termios.VTIME] = 1, 0  # or a silent line would look like a closed one
        flags = termios.CS8 | termios.CREAD | termios.CLOCAL
        termios.tcsetattr(fd, termios.TCSANOW, [0, 0, flags, 0, speed, speed, control])
        termios.tcflush(fd, termios.TCIFLUSH)
    except termios.error as error:
        os.close(fd)
        raise OSError(error.args[0], f"{device} is no serial port: {error.args[1]}") from None
    return fd
