"""Parts of minutes as rows of ``minute_part`` in PostgreSQL's binary COPY format, and back."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from core.store.copy import EPOCH_2000_US, HEADER, TRAILER, RowFormat
from core.store.minute_statistics import MinuteParts

PART_COLUMNS = "time, first, last, channels, station, stream, slots, n, mean, min, max, sd"
PART_STREAMS = 128
"""Streams in one row of ``minute_part``."""

_PART_HEAD = np.dtype(
    [("fields", ">i2"), ("time", "V12"), ("first", "V8"), ("last", "V8"), ("l_channels", ">i4"), ("channels", ">i4")]
    + [(name, ">i4") for name in ("l_station", "ndim", "nulls", "oid", "size")]
)


def encode_parts(parts: MinuteParts) -> Iterator[bytes]:
    """Encode parts ordered by minute, some streams of one minute a row."""
    edges = np.flatnonzero(np.diff(parts.minute)) + 1
    bounds = [0, *edges.tolist(), len(parts)]
    for low, high in itertools.pairwise(bounds):
        for first in range(low, high, PART_STREAMS):
            one = parts.take(slice(first, min(first + PART_STREAMS, high)))
            (row,) = rows = _part_format(len(one), one.channels).rows(1)
            row["time"]["content"] = one.minute[0] // 1000 - EPOCH_2000_US
            row["first"]["content"] = one.stream.min()
            row["last"]["content"] = one.stream.max()
            row["channels"]["content"] = one.channels
            for name in ("station", "stream", "slots", "n", "mean", "min", "max", "sd"):
                row[name]["content"]["items"]["value"] = getattr(one, name).reshape(-1)
            yield rows.tobytes()


def decode_parts(content: bytes) -> Iterator[MinuteParts]:
    """Decode what the database returned of ``minute_part``."""
    position = len(HEADER)
    while content[position : position + 2] != TRAILER:
        head = np.frombuffer(content, _PART_HEAD, 1, position)[0]
        streams, channels = int(head["size"]), int(head["channels"])
        format = _part_format(streams, channels)
        row = format.read(content[position : position + format.itemsize])
        position += format.itemsize
        minute = (int(row["time"]["content"]) + EPOCH_2000_US) * 1000
        array = {
            name: row[name]["content"]["items"]["value"]
            for name in ("station", "stream", "slots", "n", "mean", "min", "max", "sd")
        }
        shape = (streams, channels)
        yield MinuteParts(
            array["station"].astype(np.int32),
            array["stream"].astype(np.int32),
            np.full(streams, minute, np.int64),
            array["slots"].astype(np.int32),
            array["n"].astype(np.int32).reshape(shape),
            *(array[name].astype(np.float64).reshape(shape) for name in ("mean", "min", "max", "sd")),
        )


@lru_cache(maxsize=1024)
def _part_format(streams: int, channels: int) -> RowFormat:
    values = streams * channels
    return RowFormat(
        {
            "time": "timestamptz",
            **dict.fromkeys(("first", "last", "channels"), "int4"),
            **dict.fromkeys(("station", "stream", "slots"), ("int4", streams)),
            "n": ("int4", values),
            "mean": ("float8", values),
            "min": ("float4", values),
            "max": ("float4", values),
            "sd": ("float8", values),
        }
    )
