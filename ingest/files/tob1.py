"""TOB1, Campbell Scientific's binary table: a header, then records, each with its time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.clock import NS
from core.errors import PayloadError
from ingest.files.campbell import EPOCH_NS, Header

Int64Array = NDArray[np.int64]
PIECE_BYTES = 1 << 22
"""Bytes read at once."""


def check(header: Header, file: str) -> None:
    """Refuse a table whose records have no time.

    Raises
    ------
    PayloadError
        There are no columns ``SECONDS`` and ``NANOSECONDS``.
    """
    for name in ("SECONDS", "NANOSECONDS"):
        if name not in header.names or not header.types[header.names.index(name)].endswith("LONG"):
            raise PayloadError(
                f"{file}: line 2: no column {name} of type ULONG, so records have no times: convert the file to TOB1 "
                "with stamps"
            )


def ends(source: BinaryIO, header: Header, size: int) -> tuple[int, int] | None:
    """Return the first and the last stamp of a file that can be sought in; None without a record.

    Parameters
    ----------
    source : file
        Anywhere.
    size : int
        Of the whole file. [bytes]

    Returns
    -------
    first, last : int
        In the logger's time. [ns since 1970]
    """
    width = header.record.itemsize
    count = (size - header.length) // width
    if count < 1:
        return None
    stamps = []
    for number in (0, count - 1):
        source.seek(header.length + number * width)
        stamps.append(int(_stamps(np.frombuffer(source.read(width), header.record), header)[0]))
    return stamps[0], stamps[1]


def pieces(source: BinaryIO, header: Header) -> Iterator[tuple[Int64Array, NDArray[np.void], int]]:
    """Yield (stamps in the logger's time [ns since 1970], records, number of the first one from 1).

    A last record that is not whole is one that the logger had not finished, and is left out.
    """
    source.seek(header.length)
    width = header.record.itemsize
    number = 1
    while piece := source.read(PIECE_BYTES // width * width):
        records = np.frombuffer(piece, header.record, count=len(piece) // width)
        if len(records):
            yield _stamps(records, header), records, number
        number += len(records)


def _stamps(records: NDArray[np.void], header: Header) -> Int64Array:
    seconds, fraction = (
        records[f"f{header.names.index(name)}"].astype(np.int64) for name in ("SECONDS", "NANOSECONDS")
    )
    stamps: Int64Array = EPOCH_NS + seconds * NS + fraction
    return stamps
