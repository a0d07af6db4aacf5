"""Sample blocks out of rows of ``sample_block``: the bytes of their arrays, read with numpy, no Python per value."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from psycopg.rows import tuple_row

from core.errors import StoreError
from core.store.blobs import HEAD_FIELDS, Blocks
from core.store.database import Connection, sql
from core.store.stations import StreamRow

MAX_BLOCK_LENGTH = timedelta(hours=1)
"""No block covers more (``ingest.payloads``)."""
FLOAT4_OID = 700
_HEADER = 5
"""Words before an array's values: dimensions (1), NULLs (0), type of the values, their number, lowest index (1)."""


def read_rows(
    connection: Connection,
    layout: StreamRow,
    start: datetime,
    end: datetime,
    reach: timedelta = MAX_BLOCK_LENGTH,
) -> Blocks | None:
    """Read the blocks of one layout that overlap [start, end), as they lie in rows; None without one.

    Those that begin earlier than ``reach`` before ``start`` are left out.

    Raises
    ------
    StoreError
        A row that ``core.store.copy`` did not write: an array is missing, has NULLs or another length.
    """
    columns = ", ".join(f"array_bytes(c{i + 1})" for i in range(len(layout.channels)))
    keys = {"station": layout.station_key, "stream": layout.key, "start": start, "end": end, "reach": reach}
    with connection.cursor(binary=True, row_factory=tuple_row) as cursor:
        rows = cursor.execute(sql("blocks_between", columns=columns), keys).fetchall()
    if not rows:
        return None
    values = list(zip(*rows, strict=True))
    head = np.array(values[: len(HEAD_FIELDS)], np.int64)
    samples = np.empty((len(layout.channels), int(head[1].sum())), np.uint32)
    for channel, arrays in zip(samples, values[len(HEAD_FIELDS) :], strict=True):
        _read_arrays(arrays, head[1], channel)
    return Blocks(head, samples.view(np.float32))


def _read_arrays(arrays: Sequence[bytes | None], n: NDArray[np.int64], target: NDArray[np.uint32]) -> None:
    """Put the values of arrays one after the other, as bits: they come as they lie on disk, or as they are sent.

    As they lie, words follow each other in the order of this machine; as they are sent, the high byte comes first and
    each value has its length before it (``array_bytes`` in the migrations).
    """
    size = len(target)
    if None not in arrays:
        data = b"".join(arrays)  # type: ignore[arg-type]
        as_sent = len(data) == 4 * (_HEADER * len(n) + 2 * size)
        words = np.frombuffer(data, ">u4" if as_sent else "=u4") if len(data) % 4 == 0 else np.empty(0, np.uint32)
        width = _HEADER + (1 + as_sent) * n
        if len(words) == width.sum():
            headers = (np.cumsum(width) - width)[:, None] + np.arange(_HEADER)
            is_value = np.ones(len(words), np.bool_)
            is_value[headers] = False
            found = words[headers]
            if np.all(found[:, :3] == (1, 0, FLOAT4_OID)) and np.array_equal(found[:, 3], n):
                target[:] = words[is_value][as_sent :: 1 + as_sent]
                return
    raise StoreError(
        "a row of sample_block is not one that Fluxtower wrote: an array is missing, too short or has NULLs"
    )
