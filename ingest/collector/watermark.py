"""The watermark: which blocks of a sender are committed, as a message. A pure codec.

The collector publishes it, retained, on ``{root}/{station}/{stream}/committed``; docs/formats/mqtt.md describes it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import orjson

from core.errors import PayloadError

MAX_OPEN_RANGES = 100
"""Most open ranges in a message."""
MAX_NUMBER = 2**63 - 2
MAX_BYTES = 1 << 16
"""Largest message that is decoded; 101 ranges of 19 digits need a sixteenth of it. [bytes]"""


@dataclass(frozen=True, slots=True)
class Watermark:
    """Which blocks of a run are committed.

    Attributes
    ----------
    run : int
        The sequence of numbers that ``seq`` belongs to; nothing is said about the blocks of another one.
    seq : int
        Highest number that is spoken about: every block up to here is committed unless its number is in ``open``.
    open : tuple of (int, int)
        Closed ranges of numbers below ``seq`` that are not committed, ascending and apart.
    """

    run: int
    seq: int
    open: tuple[tuple[int, int], ...] = ()

    def covers(self, seq: int) -> bool:
        """Return whether the block of this number (of this run) is committed: its sender may forget it."""
        if not 0 <= seq <= self.seq:
            return False
        following = bisect_left(self.open, (seq + 1, 0))
        return following == 0 or self.open[following - 1][1] < seq


def summarise(run: int, committed: Iterable[tuple[int, int]]) -> Watermark | None:
    """Return the watermark of what is committed, None if that is nothing.

    With more than ``MAX_OPEN_RANGES`` holes only the oldest are named, and the watermark ends before the first one left
    out: less is then called committed than is, never more.

    Parameters
    ----------
    run : int
        The sequence of numbers, as the sender names it.
    committed : iterable of (int, int)
        Closed ranges of committed numbers >= 0, ascending and apart.
    """
    ranges = list(committed)
    if not ranges:
        return None
    bounds = [(-1, -1), *ranges] if ranges[0][0] > 0 else ranges
    holes = [(below[1] + 1, above[0] - 1) for below, above in pairwise(bounds)]
    seq = holes[MAX_OPEN_RANGES][0] - 1 if len(holes) > MAX_OPEN_RANGES else ranges[-1][1]
    return Watermark(run, seq, tuple(holes[:MAX_OPEN_RANGES]))


def encode(watermark: Watermark) -> bytes:
    """Encode a watermark as it is published."""
    return orjson.dumps({"v": 1, "run": watermark.run, "seq": watermark.seq, "open": watermark.open})


def decode(payload: bytes) -> Watermark:
    """Decode a watermark.

    Raises
    ------
    PayloadError
        Anything that is no watermark, whatever the bytes are: believing half of one could delete a block.
    """
    if len(payload) > MAX_BYTES:
        raise PayloadError(f"a watermark of {len(payload)} bytes: expected at most {MAX_BYTES}")
    try:
        fields = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise PayloadError(f"no valid JSON: {error.msg!a}", offset=error.pos) from None
    if not isinstance(fields, dict) or type(fields.get("v")) is not int or fields["v"] != 1:
        raise PayloadError("no watermark of version 1: expected a map with v = 1, run, seq and open")
    run, seq, given = _number(fields.get("run"), "run"), _number(fields.get("seq"), "seq"), fields.get("open")
    if not isinstance(given, list) or len(given) > MAX_OPEN_RANGES:
        raise PayloadError(f"open: expected a list of at most {MAX_OPEN_RANGES} ranges")
    ranges = []
    before = -1
    for pair in given:
        if not isinstance(pair, list) or len(pair) != 2:
            raise PayloadError("open: expected ranges [first, last]")
        first, last = _number(pair[0], "open"), _number(pair[1], "open")
        if not before < first <= last < seq:
            raise PayloadError(f"open: expected ascending ranges below seq = {seq}")
        ranges.append((first, last))
        before = last
    return Watermark(run, seq, tuple(ranges))


def _number(value: object, key: str) -> int:
    if type(value) is not int or not 0 <= value <= MAX_NUMBER:
        raise PayloadError(f"{key}: expected a whole number from 0 to 2^63 - 2")
    return value
