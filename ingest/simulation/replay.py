"""Replay: a logger's file as the messages that the station would have sent."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.clock import NS
from core.errors import PayloadError
from core.records import FloatArray, Reading, SampleBlock
from core.station import Station, Stream
from ingest.files.header import TIMESTAMP
from ingest.files.toa5 import Table

Int64Array = NDArray[np.int64]


def blocks(table: Table, station: Station, stream: str, seconds: float = 10.0) -> Iterator[SampleBlock]:
    """Cut a table into blocks of one stream.

    Blocks start at whole multiples of their length since 1970 UTC, so that a file read twice, or two files that
    overlap, give the same blocks. A sample that is missing from the file is NaN; a block without any is left out.

    Parameters
    ----------
    table : Table
        Stamps at interval ENDs, in the station's local standard time.
    station : Station
        Declares the stream, its rate and channels, and ``utc_offset``.
    stream : str
        Name of a stream of kind block; each of its channels must be a column of the table.
    seconds : float
        Length of a block. [s]

    Yields
    ------
    SampleBlock
        In time order, with ``seq`` from 0.

    Raises
    ------
    PayloadError
        The station has no such stream, or the table lacks a channel.
    """
    declared = _stream(station, stream, "block")
    names, values = _columns(table, declared)
    dt_ns = declared.dt_ns
    length_ns = round(seconds * NS)
    n = round(length_ns / dt_ns)
    # half a step early, so that a stamp that is off by some microseconds still finds its slot
    shifted = _starts_ns(table, station, dt_ns) + dt_ns // 2
    number = shifted // length_ns
    slot = np.minimum((shifted - number * length_ns) // dt_ns, n - 1)
    order = np.argsort(number, kind="stable")
    edges = np.flatnonzero(np.diff(number[order], prepend=-1))
    for seq, rows in enumerate(np.split(order, edges[1:]) if len(order) else []):
        samples = np.full((len(names), n), np.nan, np.float32)
        samples[:, slot[rows]] = values[:, rows]
        yield SampleBlock(station.id, stream, int(number[rows[0]]) * length_ns, dt_ns, names, samples, seq)


def readings(table: Table, station: Station, stream: str) -> Iterator[Reading]:
    """Turn each row of a slow table into a reading, stamped at its interval's START.

    Parameters
    ----------
    table, station, stream
        As for ``blocks``; the stream is of kind reading and its ``interval`` is the length of a row's interval.

    Raises
    ------
    PayloadError
        The station has no such stream, or the table lacks a channel.
    """
    declared = _stream(station, stream, "reading")
    names, values = _columns(table, declared)
    for start, row in zip(_starts_ns(table, station, declared.dt_ns), values.T, strict=True):
        yield Reading(station.id, stream, int(start), dict(zip(names, row.tolist(), strict=True)))


def _stream(station: Station, name: str, kind: str) -> Stream:
    stream = station.streams.get(name)
    if stream is None or stream.kind != kind:
        fitting = ", ".join(stream.name for stream in station.stream if stream.kind == kind) or "none"
        raise PayloadError(f"station {station.id} has no stream {name!r} of kind {kind}; it has: {fitting}")
    return stream


def _columns(table: Table, stream: Stream) -> tuple[tuple[str, ...], FloatArray]:
    names = tuple(stream.channel_index)
    lacking = [name for name in names if name not in table.names]
    if lacking:
        raise PayloadError(
            f"table {table.table!r} lacks {', '.join(lacking)} of stream {stream.name!r}; "
            f"it has {', '.join(table.names)}"
        )
    return names, np.stack([table.frame[name].to_numpy() for name in names])


def _starts_ns(table: Table, station: Station, dt_ns: int) -> Int64Array:
    ends: Int64Array = table.frame[TIMESTAMP].cast(pl.Int64).to_numpy() * 1000
    return ends - dt_ns - round(station.station.utc_offset * 3600) * NS
