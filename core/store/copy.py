"""PostgreSQL's binary COPY format for sample blocks, built with numpy: a column at a time, no Python per value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.records import SampleBlock

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
EPOCH_2000_US = 946_684_800_000_000  # PostgreSQL counts microseconds since 2000
FLOAT4_OID = 700
NO_SEQ = -1


def block_columns(channels: int) -> str:
    """Return the column list that ``block_rows`` fills."""
    return "time, station, stream, n, dt_ns, seq, " + ", ".join(f"c{i + 1}" for i in range(channels))


def block_rows(blocks: Sequence[SampleBlock], keys: Sequence[tuple[int, int]]) -> bytes:
    """Encode blocks of one shape as rows of the binary COPY format.

    Parameters
    ----------
    blocks : sequence of SampleBlock
        All with the same number of channels and samples.
    keys : sequence of (int, int)
        Station and stream key of each.

    Returns
    -------
    bytes
        Rows, without header and trailer.
    """
    channels, n = blocks[0].samples.shape
    element = np.dtype([("length", ">i4"), ("value", ">f4")])
    array = np.dtype(
        [
            ("length", ">i4"),
            ("ndim", ">i4"),
            ("nulls", ">i4"),
            ("oid", ">i4"),
            ("size", ">i4"),
            ("lower", ">i4"),
            ("items", element, (n,)),
        ]
    )
    row = np.dtype(
        [
            ("fields", ">i2"),
            *(("l_time", ">i4"), ("time", ">i8"), ("l_station", ">i4"), ("station", ">i4")),
            *(("l_stream", ">i4"), ("stream", ">i4"), ("l_n", ">i4"), ("n", ">i4")),
            *(("l_dt", ">i4"), ("dt", ">i8"), ("l_seq", ">i4"), ("seq", ">i8")),
            ("arrays", array, (channels,)),
        ]
    )
    rows = np.zeros(len(blocks), row)
    rows["fields"] = 6 + channels
    for name, size in (("l_time", 8), ("l_station", 4), ("l_stream", 4), ("l_n", 4), ("l_dt", 8), ("l_seq", 8)):
        rows[name] = size
    rows["time"] = np.array([block.start_ns // 1000 for block in blocks]) - EPOCH_2000_US
    rows["station"], rows["stream"] = np.array(keys).T
    rows["n"] = n
    rows["dt"] = [block.dt_ns for block in blocks]
    rows["seq"] = [NO_SEQ if block.seq is None else block.seq for block in blocks]
    arrays = rows["arrays"]
    arrays["length"] = 20 + 8 * n
    arrays["ndim"] = 1
    arrays["oid"] = FLOAT4_OID
    arrays["size"] = n
    arrays["lower"] = 1
    arrays["items"]["length"] = 4
    arrays["items"]["value"] = np.stack([block.samples for block in blocks])
    return rows.tobytes()
