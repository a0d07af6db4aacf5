"""One commit of a collector's batch: blocks, readings, rejects and everything derived from them, all or nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import StoreError, UnknownStation
from core.records import Reading, Reject, SampleBlock
from core.store.blocks import NO_SEQ, BlockArrays, Key, first_of_each, keys_of
from core.store.catalogue import Catalogue
from core.store.database import Database
from core.store.intervals import touch_intervals
from core.store.latest import LatestBuffer, StoredLatest
from core.store.minute_statistics import MinuteParts, join_parts, merge_parts, minute_parts
from core.store.minutes import append_parts, put_minutes
from core.store.readings import combine_readings, contested_readings, insert_readings
from core.store.rejects import insert_rejects
from core.store.samples import insert_blocks

MANY_STREAMS = 256
"""A commit of so many streams only appends the parts of its minutes; ``StoredMinutes.merge_parts`` merges them."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What one commit did; what was stored already is in ``repeated``, of the blocks given as arrays the other one.

    ``contested`` are readings with another value than the one that is stored for their time, and stays, in words.
    """

    blocks: int = 0
    duplicate_blocks: int = 0
    samples: int = 0
    readings: int = 0
    duplicate_readings: int = 0
    rejects: int = 0
    repeated: tuple[SampleBlock | Reading, ...] = ()
    contested: tuple[tuple[Reading, str], ...] = ()
    repeated_arrays: tuple[BlockArrays, ...] = ()


class StoredMessages:
    """The part of the store that takes what came: blocks, readings and what was refused of them."""

    def __init__(self, database: Database, catalogue: Catalogue, latest: StoredLatest) -> None:
        self._database = database
        self._catalogue = catalogue
        self._latest = latest

    def commit(
        self,
        blocks: Sequence[SampleBlock],
        readings: Sequence[Reading],
        rejects: Sequence[Reject] = (),
        arrays: Sequence[BlockArrays] = (),
    ) -> Committed:
        """Write a batch in one transaction; what is there already is left alone and counted as a duplicate.

        A reading whose time is there already adds the channels that were missing.

        Parameters
        ----------
        blocks, readings : sequence of SampleBlock, sequence of Reading
            Their channels in the order that the station file declares.
        rejects : sequence of Reject
            Messages that were refused.
        arrays : sequence of BlockArrays
            More blocks.

        Raises
        ------
        UnknownStation, StoreError
            A station, or a stream with these channels, is not registered; nothing was written.
        """
        try:
            return self._commit(blocks, readings, rejects, arrays)
        except (UnknownStation, StoreError) as error:
            # a station or a layout may have been registered since the catalogue was read
            if not self._catalogue.refresh() or error.__cause__ is not None:
                raise
        return self._commit(blocks, readings, rejects, arrays)

    def _commit(
        self,
        blocks: Sequence[SampleBlock],
        readings: Sequence[Reading],
        rejects: Sequence[Reject],
        arrays: Sequence[BlockArrays],
    ) -> Committed:
        records = _by_shape(blocks)
        given = [*arrays, *(_arrays(self._catalogue, some) for some in records)]
        groups = first_of_each(given)
        keyed = [(_key(self._catalogue, reading), reading) for reading in readings]
        firsts = dict(reversed(keyed))
        with self._database.transaction() as connection:
            new_groups = insert_blocks(connection, groups)
            new_readings = insert_readings(connection, combine_readings(keyed))
            contested = contested_readings(connection, keyed, new_readings)
            parts = _minute_parts(new_groups)
            many = _count_streams(new_groups) >= MANY_STREAMS
            for one in parts:
                if many:
                    append_parts(connection, one)
                else:
                    put_minutes(connection, one)
            gathered = LatestBuffer()
            gathered.add(new_groups, [(station, stream, one) for (station, stream, _), one in new_readings.items()])
            if not many:
                gathered.write(connection)
            touch_intervals(connection, self._catalogue, [] if many else parts, list(new_readings.values()))
            insert_rejects(connection, rejects)
        if many:
            self._latest.waiting.take_over(gathered)
        inserted = sum(map(len, new_groups))
        repeated, repeated_arrays = _find_repeated(given, records, new_groups)
        kept = {id(firsts[key]) for key in new_readings}
        repeated_readings = [reading for reading in readings if id(reading) not in kept]
        return Committed(
            blocks=inserted,
            duplicate_blocks=sum(map(len, given)) - inserted,
            samples=sum(len(one) * one.samples.shape[2] for one in new_groups),
            readings=len(new_readings),
            duplicate_readings=len(readings) - len(new_readings),
            rejects=len(rejects),
            repeated=(*repeated, *repeated_readings),
            contested=tuple(contested),
            repeated_arrays=repeated_arrays,
        )


def _find_repeated(
    given: Sequence[BlockArrays], records: Sequence[Sequence[SampleBlock]], new: Sequence[BlockArrays]
) -> tuple[tuple[SampleBlock, ...], tuple[BlockArrays, ...]]:
    """Return which blocks were stored already; the last of the given groups are those of the records."""
    if sum(map(len, given)) == sum(map(len, new)):
        return (), ()
    fresh = {key for one in new for key in keys_of(one)}
    again = []
    for one in given:
        seen = []
        for key in keys_of(one):
            seen.append(key not in fresh)
            fresh.discard(key)
        again.append(np.array(seen, bool))
    first = len(given) - len(records)
    arrays = (one.take(seen) for one, seen in zip(given[:first], again[:first], strict=True))
    blocks = (
        block
        for some, seen in zip(records, again[first:], strict=True)
        for block, old in zip(some, seen, strict=True)
        if old
    )
    return tuple(blocks), tuple(one for one in arrays if len(one))


def _by_shape(blocks: Sequence[SampleBlock]) -> list[list[SampleBlock]]:
    shapes: dict[tuple[int, ...], list[SampleBlock]] = defaultdict(list)
    for block in blocks:
        shapes[block.samples.shape].append(block)
    return list(shapes.values())


def _arrays(catalogue: Catalogue, blocks: Sequence[SampleBlock]) -> BlockArrays:
    """Put blocks of one shape into arrays."""
    rows = [catalogue.stream(block) for block in blocks]
    return BlockArrays(
        np.array([row.station_key for row in rows], np.int32),
        np.array([row.key for row in rows], np.int32),
        np.array([block.start_ns for block in blocks], np.int64),
        np.array([block.dt_ns for block in blocks], np.int64),
        np.array([NO_SEQ if block.seq is None else block.seq for block in blocks], np.int64),
        np.array([block.run for block in blocks], np.int64),
        np.stack([block.samples for block in blocks]),
    )


def _key(catalogue: Catalogue, reading: Reading) -> Key:
    row = catalogue.stream(reading)
    return row.station_key, row.key, reading.time_ns // 1000


def _count_streams(groups: Sequence[BlockArrays]) -> int:
    return len(np.unique(np.concatenate([one.stream for one in groups]))) if groups else 0


def _minute_parts(groups: Sequence[BlockArrays]) -> list[MinuteParts]:
    """Return the minutes of blocks, each stream and minute once, by number of channels."""
    parts: dict[int, list[MinuteParts]] = defaultdict(list)
    for one in groups:
        parts[one.samples.shape[1]].append(minute_parts(one))
    return [merge_parts(join_parts(some)) for _, some in sorted(parts.items())]
