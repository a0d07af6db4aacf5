"""Binary tables as Campbell's loggers write them, made byte by byte from the manual's description."""

from __future__ import annotations

import struct
from collections.abc import Sequence

CAMPBELL_EPOCH = 631_152_000  # 1990-01-01, seconds since 1970
STAMP = 41_234
INTERVAL_MS = 50
_PACK = {
    "IEEE4": "<f", "IEEE4B": ">f", "IEEE8": "<d", "IEEE8B": ">d", "ULONG": "<L", "LONG": "<l", "UINT2": ">H",
    "INT2": ">h", "UINT4": ">L", "INT4": ">l", "USHORT": "<H", "SHORT": "<h",
}  # fmt: skip


def line(fields: Sequence[object]) -> bytes:
    return (",".join(f'"{field}"' for field in fields) + "\r\n").encode()


def fp2(value: float) -> bytes:
    """A sign bit, two bits of negative decimal exponent, 13 bits of mantissa, high byte first; NAN is 0x9FFE."""
    if value != value:
        return b"\x9f\xfe"
    exponent = max(k for k in range(4) if round(abs(value) * 10**k) <= 7999)
    mantissa = round(abs(value) * 10**exponent)
    return struct.pack(">H", (value < 0) << 15 | exponent << 13 | mantissa)


def pack(kinds: Sequence[str], values: Sequence[object]) -> bytes:
    parts = []
    for kind, value in zip(kinds, values, strict=True):
        if kind == "FP2":
            parts.append(fp2(value))
        elif kind.startswith("ASCII"):
            parts.append(str(value).encode().ljust(int(kind[6:-1]), b"\0"))
        else:
            parts.append(struct.pack(_PACK[kind], value))
    return b"".join(parts)


def tob1(names: Sequence[str], units: Sequence[str], kinds: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    """``rows``: (seconds since 1970, nanoseconds, record number, values...)."""
    head = [
        line(["TOB1", "synth", "CR3000", "1234", "CR3000.Std.31", "CPU:synth.CR3", "4711", "ts_data"]),
        line(["SECONDS", "NANOSECONDS", "RECORD", *names]),
        line(["SECONDS", "NANOSECONDS", "RN", *units]),
        line(["", "", "", *["Smp"] * len(names)]),
        line(["ULONG", "ULONG", "ULONG", *kinds]),
    ]
    body = [
        struct.pack("<LLL", second - CAMPBELL_EPOCH, nanos, number) + pack(kinds, values)
        for second, nanos, number, *values in rows
    ]
    return b"".join(head + body)


def frame(start_ms: int, number: int, data: bytes, flags: int = 0, stamp: int = STAMP) -> bytes:
    """One frame; its time is milliseconds since 1970, in steps of 100 us in the file."""
    seconds, rest = divmod(start_ms, 1000)
    return (
        struct.pack("<LLL", seconds - CAMPBELL_EPOCH, rest * 10, number)
        + data
        + struct.pack("<HH", flags & 0xFFFF, stamp)
    )


def tob3_header(names: Sequence[str], units: Sequence[str], kinds: Sequence[str], frame_bytes: int) -> bytes:
    return b"".join(
        [
            line(["TOB3", "synth", "CR3000", "1234", "CR3000.Std.31", "CPU:synth.CR3", "4711", "2024-06-20 13:00:00"]),
            line(["ts_data", f"{INTERVAL_MS} MSEC", frame_bytes, 100_000, STAMP, "Sec100Usec", 0, 0, 0]),
            line(names),
            line(units),
            line(["Smp"] * len(names)),
            line(kinds),
        ]
    )


def tob3(
    names: Sequence[str], units: Sequence[str], kinds: Sequence[str], rows: Sequence[Sequence[object]], start_ms: int,
    per_frame: int = 7,
) -> bytes:  # fmt: skip
    """Whole frames of ``per_frame`` records; every second one with the stamp's complement."""
    frames = []
    for i in range(0, len(rows), per_frame):
        data = b"".join(pack(kinds, row) for row in rows[i : i + per_frame])
        stamp = STAMP if (i // per_frame) % 2 else STAMP ^ 0xFFFF
        frames.append(frame(start_ms + i * INTERVAL_MS, i, data, stamp=stamp))
    return tob3_header(names, units, kinds, len(frames[0])) + b"".join(frames)
