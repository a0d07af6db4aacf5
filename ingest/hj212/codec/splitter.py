"""Cuts what a connection or a file brings into frames, however it is chopped up and whatever is wrong in it."""

from __future__ import annotations

from ingest.hj212.codec.frame import HEAD, MARK, MAX_FRAME, is_right, stated_length

MAX_WAITING = MAX_FRAME + 2
"""Most bytes that are kept until the rest of a frame comes. [bytes]"""


class Splitter:
    """Gives frames, right ones and what should have been one, in the order that they came.

    A frame whose length and CRC are right ends where it says, with or without a line end behind it. Anything else ends
    with its line, or where it says if another frame begins there. Where no line ends, the first bytes are given away in
    one piece as soon as they are more than a frame can have, and the others, up to the line end, are counted. So memory
    is bounded, and one bad frame costs no good one behind it on another line.

    Attributes
    ----------
    skipped : int
        Bytes that were not given away, for they followed a piece that was too long.
    """

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._skipping = False
        self.skipped = 0

    @property
    def waiting(self) -> int:
        """Bytes that wait for more."""
        return len(self._waiting)

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes; return the frames that are whole now, without line ends."""
        frames: list[bytes] = []
        for start in range(0, len(data), MAX_WAITING):
            self._waiting += data[start : start + MAX_WAITING]
            self._cut(frames)
        return frames

    def end(self) -> list[bytes]:
        """Return what waits still: nothing more comes."""
        rest = bytes(self._waiting)
        self._waiting.clear()
        was_skipping, self._skipping = self._skipping, False
        return [rest] if rest.strip() and not was_skipping else []

    def _cut(self, frames: list[bytes]) -> None:
        buffer = self._waiting
        done = 0
        while done < len(buffer):
            if buffer[done] in b"\r\n":
                done += 1
                self._skipping = False
                continue
            length = 0 if self._skipping else _frame_length(buffer, done)
            if length:
                frames.append(bytes(buffer[done : done + length]))
                done += length
                continue
            end = _line_end(buffer, done)
            if end < 0 and not self._skipping and len(buffer) - done <= MAX_FRAME:
                break
            self._give(frames, buffer, done, end if end >= 0 else len(buffer))
            self._skipping |= end < 0
            done = end if end >= 0 else len(buffer)
        del buffer[:done]

    def _give(self, frames: list[bytes], buffer: bytearray, start: int, end: int) -> None:
        given = start if self._skipping else min(end, start + MAX_FRAME)
        self.skipped += end - given
        if buffer[start:given].strip():
            frames.append(bytes(buffer[start:given]))


def _frame_length(buffer: bytearray, start: int) -> int:
    """Return the length of the frame that begins there if it is whole, 0 if that cannot be said."""
    length = stated_length(bytes(buffer[start : start + HEAD]))
    end = start + length
    if not length or len(buffer) < end:
        return 0
    frame = bytes(buffer[start:end])
    is_one_line = b"\r" not in frame and b"\n" not in frame
    return length if is_right(frame) or (is_one_line and buffer.startswith(MARK, end)) else 0


def _line_end(buffer: bytearray, start: int) -> int:
    ends = [place for place in (buffer.find(b"\r", start), buffer.find(b"\n", start)) if place >= 0]
    return min(ends, default=-1)


def looks_like_frames(beginning: bytes) -> bool:
    """Whether a file that begins so may hold frames."""
    first = beginning.lstrip()[:HEAD]
    return len(first) == HEAD and first.startswith(MARK) and first[2:].isdigit()
