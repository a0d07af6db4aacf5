"""Hostile payloads out of good ones: changed in some places, or cut; `benchmarks/fuzz.py` uses them."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

import zstandard

LONGEST_PAYLOAD = 4096
"""Longest payload that is made, about what a logger sends."""

TOKENS = [
    *(b"0", b"-1", b"1e999", b"-1e400", b"1e39", b"NaN", b"Infinity", b"null", b"true", b'""', b"{}", b"[]"),
    *(b"9223372036854775808", b"1000000000", b"0.5", b"1900", b"2200", b"-50000000", b"2026-02-30", b"24:00:60"),
    *(
        b'"',
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\\u0000",
        b"\\ud800",
        b"\xff",
        b"\0",
        b"\n",
        b'"NAN"',
        b"\xef\xbb\xbf",
    ),
    # CBOR: huge and endless lengths, tags, floats that are none, big numbers
    *(
        b"\x9b" + b"\xff" * 8,
        b"\xbb" + b"\x7f" * 8,
        b"\x5b" + b"\0\0\1" + b"\0" * 5,
        b"\x9f",
        b"\xbf",
        b"\x5f",
        b"\xff",
    ),
    *(b"\xd8\x1c", b"\xd8\x1d", b"\xc2\x49" + b"\xff" * 9, b"\xc4\x82", b"\xd8\x4d", b"\xd8\x55", b"\xd8\x23", b"\xf6"),
    *(b"\xf9\x7e\x00", b"\xf9\x7c\x00", b"\xfb\x7f\xf0" + b"\0" * 6, b"\x3b" + b"\xff" * 8, b"\x1b" + b"\xff" * 8),
    b"\x28\xb5\x2f\xfd",
]
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
EXTREMES = [
    *(b"0", b"-1", b"-0", b"1", b"0.1", b"1e9", b"1000000000", b"65536", b"65537", b"4294967296", b"1e308", b"1e309"),
    *(
        b"-3.5e38",
        b"9223372036854775807",
        b"9223372036854775808",
        b"-9223372036854775809",
        b"1" * 400,
        b"3600000000001",
    ),
    *(
        b"-2208988800",
        b"7258118400",
        b"268435456",
        b"268435455",
        b"1900",
        b"2200",
        b"9999",
        b"99",
        b"00",
        b"3600000000001",
    ),
]


def make_payload(seeds: Sequence[bytes], dice: random.Random) -> bytes:
    """Return an arbitrary payload, or a good one that was changed in some places, or cut."""
    kind = dice.random()
    if kind < 0.05:
        return dice.randbytes(dice.randrange(200))
    good = dice.choice(seeds)
    if kind < 0.1:
        return good[: dice.randrange(len(good) + 1)]
    payload = bytearray(good)
    for _ in range(1 + int(dice.expovariate(0.7))):
        _change(payload, seeds, dice)
    if dice.random() < 0.05:
        return zstandard.compress(bytes(payload))
    return bytes(payload[:LONGEST_PAYLOAD])


def _change(payload: bytearray, seeds: Sequence[bytes], dice: random.Random) -> None:
    at = dice.randrange(len(payload) + 1)
    size = 1 + int(dice.expovariate(0.2))
    match dice.randrange(8):
        case 0:  # a bit
            if payload:
                payload[at % len(payload)] ^= 1 << dice.randrange(8)
        case 1:
            payload[at : at + 1] = dice.randbytes(1)
        case 2:
            del payload[at : at + size]
        case 3:
            payload[at:at] = dice.choice(TOKENS)
        case 4:
            payload[at : at + size] = dice.choice(TOKENS)
        case 5:  # something twice
            payload[at:at] = payload[at : at + size]
        case 6:  # a piece of another one
            other = dice.choice(seeds)
            start = dice.randrange(len(other))
            payload[at : at + size] = other[start : start + size]
        case 7:  # a number, somewhere else than usual
            found = _NUMBER.search(payload, at)
            if found is not None:
                payload[found.start() : found.end()] = dice.choice(EXTREMES)
