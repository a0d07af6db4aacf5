"""Rows of a logger's table, whatever the format that brought them: fields to channels, stamps to STARTs, records."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import PayloadError
from core.records import Reading, SampleBlock
from core.station import Channel, Stream
from ingest.payloads.checks import MAX_BLOCK_NS, MAX_RECORDS, MISSING_WORDS, number, shown, time_ns
from ingest.payloads.format import MessageSource
from ingest.units import fault_of_words

OFF_GRID = 0.25
"""How far a row may lie from its place in a block, in steps."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its stamp [ns since 1970 UTC], a value for each column, and its number in the logger's table."""

    stamp_ns: int
    values: Sequence[object]
    number: int | None


def declared(source: MessageSource) -> Stream:
    """Return the stream as the station file declares it; only our own formats can do without."""
    if source.declared is None:
        raise PayloadError(f"no stream of a station file is declared for {source}")
    return source.declared


def columns_of(
    source: MessageSource, names: Sequence[object], units: Mapping[str, str] | None = None
) -> tuple[int, ...]:
    """Return which column each channel has, -1 where there is none; columns of no channel mean nothing.

    Parameters
    ----------
    source : MessageSource
        Declares the channels.
    names : sequence of object
        The columns' names, as sent.
    units : mapping of str to str, optional
        Units that the message states, in the logger's words; words that are not known pass.

    Raises
    ------
    PayloadError
        No channel has a column, one has two, or another unit is stated than the station file declares.
    """
    stream = declared(source)
    found: dict[str, int] = {}
    for place, name in enumerate(names):
        if isinstance(name, str) and name in stream.channel_fields:
            if name in found:
                raise PayloadError(f"field {shown(name)} comes twice")
            found[name] = place
    if not found:
        listed = ", ".join(shown(name) for name in names[:10])
        raise PayloadError(
            f"none of the fields of stream {stream.name!r} ({', '.join(stream.channel_fields)[:200]}) is in the "
            f"message, which has {listed}: correct `field` in the station file, or its `topic`"
        )
    for name in found:
        check_unit(stream, name, (units or {}).get(name, ""))
    return tuple(found.get(name, -1) for name in stream.channel_fields)


def check_unit(stream: Stream, field: str, words: str) -> None:
    """Refuse a unit, in a logger's words, that is not the declared one; words that are not known say nothing."""
    fault, refused = fault_of_words(words, stream.channel_fields[field])
    if refused:
        raise PayloadError(f"field {shown(field)} {fault}: correct one of them")


def value_of(value: object, channel: Channel) -> float:
    """Return a value of a table as a number; a logger's words for a missing one are NaN."""
    if type(value) is bool:
        return truth_of(value, channel)
    if isinstance(value, str) and value in MISSING_WORDS:
        return math.nan
    return number(value, channel.name)


def truth_of(value: bool, channel: Channel) -> float:
    """Return 1 or 0 for true or false, which only a word of flags can be: a temperature is neither."""
    if channel.unit != "1":
        raise PayloadError(
            f"{channel.name!a}: expected a number in {channel.unit}, got {shown(value)}: true and false are values of "
            "channels with unit 1 alone"
        )
    return float(value)


def to_records(source: MessageSource, columns: Sequence[int], rows: Iterable[Row]) -> list[SampleBlock | Reading]:
    """Turn rows into readings, or into blocks of rows that follow each other at the declared rate.

    Parameters
    ----------
    source : MessageSource
        Whose rows they are.
    columns : sequence of int
        A column for each channel, from ``columns_of``.
    rows : iterable of Row
        In the order sent.

    Raises
    ------
    PayloadError
        There is no row, there are too many, or a stamp or value is none.
    """
    stream = declared(source)
    shift_ns = stream.dt_ns if source.stamps_end else 0
    names = tuple(stream.channel_index)
    starts: list[int] = []
    values: list[list[float]] = []
    numbers: list[int | None] = []
    for row in rows:
        if len(starts) == MAX_RECORDS:
            raise PayloadError(f"more than {MAX_RECORDS} records: send shorter messages")
        starts.append(time_ns(row.stamp_ns - shift_ns, "time"))
        numbers.append(row.number)
        values.append(
            [
                math.nan if place < 0 else value_of(row.values[place], channel)
                for channel, place in zip(stream.channels, columns, strict=True)
            ]
        )
    if not starts:
        raise PayloadError("the message has no records")
    if stream.kind == "reading":
        return [
            Reading(source.station, source.stream, start, dict(zip(names, row, strict=True)), seq)
            for start, row, seq in zip(starts, values, numbers, strict=True)
        ]
    samples = np.array(values, np.float32).T
    edges = [0, *_breaks(starts, stream.dt_ns), len(starts)]
    return [
        SampleBlock(source.station, source.stream, starts[low], stream.dt_ns, names, samples[:, low:high].copy())
        for low, high in itertools.pairwise(edges)
    ]


def _breaks(starts: Sequence[int], dt_ns: int) -> list[int]:
    """Return the rows with which a new block begins: those that do not follow the row before at the rate."""
    breaks = []
    first = 0
    for i in range(1, len(starts)):
        off_ns = starts[i] - starts[first] - (i - first) * dt_ns
        if abs(off_ns) > OFF_GRID * dt_ns or (i - first + 1) * dt_ns > MAX_BLOCK_NS:
            breaks.append(i)
            first = i
    return breaks
