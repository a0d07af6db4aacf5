"""What the agent's tests are made of: a source, a file as a logger writes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.clock import NS, from_ns
from ingest.agent.blocks import Piece, SentTimes
from ingest.agent.config import FileSourceConfig
from ingest.agent.file_position import FilePosition

COLUMNS = ("u", "w")
START = 1_782_900_000 * NS
"""2026-07-01T10:00:00Z"""


def source(
    folder: Path, *, rate: float = 10.0, seconds: float = 1.0, kind: str = "block", **more: object
) -> FileSourceConfig:
    given: dict[str, object] = {
        "stream": "ec",
        "kind": kind,
        "channels": COLUMNS,
        "dt_ns": round(NS / rate),
        "block_ns": round(seconds * NS) if kind == "block" else round(NS / rate),
        "flush_seconds": 1e9,
        "folder": folder,
        "pattern": "ts*.dat",
        "utc_offset": 8.0,
        "stamps_end": True,
    }
    return FileSourceConfig(**{**given, **more})  # type: ignore[arg-type]


def header(table: str = "ts") -> bytes:
    lines = [
        f'"TOA5","tower","CR6","1","os","prog","2","{table}"',
        '"TIMESTAMP","RECORD","u","w","note"',
        '"TS","RN","m/s","m/s",""',
        '"","","Smp","Smp","Smp"',
    ]
    return "".join(line + "\r\n" for line in lines).encode()


def stamp(start_ns: int, dt_ns: int = NS // 10) -> str:
    """The END of an interval in the logger's time, eight hours ahead of UTC."""
    time = from_ns(start_ns + dt_ns + 8 * 3600 * NS)
    text = f"{time:%Y-%m-%d %H:%M:%S}"
    return f"{text}.{time.microsecond // 10_000:02d}".rstrip("0").rstrip(".") if time.microsecond else text


def value(start_ns: int, channel: int) -> np.float32:
    """A value that belongs to one time and channel only."""
    return np.float32((start_ns // 1_000_000 % 1_000_000) / 100 + channel)


def row(start_ns: int, dt_ns: int = NS // 10) -> bytes:
    u, w = (value(start_ns, channel) for channel in range(2))
    return f'"{stamp(start_ns, dt_ns)}",7,{u},{w},"x, y"\r\n'.encode()


def rows(first: int, count: int) -> bytes:
    """Ten rows a second, from the ``first``th after START."""
    return b"".join(row(START + i * NS // 10) for i in range(first, first + count))


def samples_in(pieces: list[Piece]) -> dict[int, tuple[float, ...]]:
    """Every sample by its time; a time that comes twice is an error."""
    found: dict[int, tuple[float, ...]] = {}
    for piece in pieces:
        for i in range(piece.n):
            values = tuple(piece.samples[:, i].tolist())
            if not np.isnan(values).all():
                time = piece.start_ns + i * piece.dt_ns
                assert time not in found, "doubled"
                found[time] = values
    return found


def expected(first: int, count: int) -> dict[int, tuple[float, ...]]:
    times = [START + i * NS // 10 for i in range(first, first + count)]
    return {time: (float(value(time, 0)), float(value(time, 1))) for time in times}


__all__ = [
    "COLUMNS",
    "START",
    "FilePosition",
    "SentTimes",
    "expected",
    "header",
    "row",
    "rows",
    "samples_in",
    "source",
    "value",
]
