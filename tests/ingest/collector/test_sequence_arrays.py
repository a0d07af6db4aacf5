"""Counting blocks in arrays gives what counting them one by one gives."""

from __future__ import annotations

import random
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest

from core.clock import NS
from core.records import SampleBlock
from core.store import NO_SEQ, Advance, BlockArrays, Committed
from ingest.collector import acknowledgements
from ingest.collector.acknowledgements import Acknowledgements

START = 1_782_864_000 * NS
STREAMS = 6


class Layouts:
    """What a catalogue says of layouts: stream s has the layouts 10 s and 10 s + 1."""

    def by_key(self, layout: int) -> SimpleNamespace:
        return SimpleNamespace(station=f"t{layout // 10}", name="ec", key=layout)


def make_acknowledgements() -> Acknowledgements:
    return Acknowledgements(SimpleNamespace(catalogue=Layouts()), "flux/v1", len)  # type: ignore[arg-type]


def taken(some: Acknowledgements) -> dict[tuple[str, int], Advance]:
    """What would be stored, by station and sequence."""
    some._count()
    turn = [some._queue.popleft() for _ in range(len(some._queue))]
    for sequence in turn:
        some._arrays.flush(sequence)
        some._arrays.set_queued(sequence, queued=False)
    return {(sequence.station, sequence.run): sequence.take_advance() for sequence in turn}


def arrays(blocks: Sequence[tuple[int, SampleBlock]]) -> BlockArrays:
    stream = np.array([layout for layout, _ in blocks], np.int32)
    of = [block for _, block in blocks]
    return BlockArrays(
        stream,
        stream,
        np.array([block.start_ns for block in of]),
        np.array([block.dt_ns for block in of]),
        np.array([NO_SEQ if block.seq is None else block.seq for block in of]),
        np.array([block.run for block in of]),
        np.stack([block.samples for block in of]),
    )


class Sender:
    """A stream that mostly sends one block after the other, and sometimes does not."""

    def __init__(self, stream: int, chance: random.Random) -> None:
        self._stream, self._chance = stream, chance
        self._layout = 10 * stream
        self._run = chance.choice([0, 7])
        self._seq = 100
        self._time = START + chance.randrange(60) * NS
        self._sent: list[SampleBlock] = []

    def send(self) -> tuple[int, SampleBlock]:
        what = self._chance.random()
        if what < 0.03 and self._sent:
            return self._layout, self._chance.choice(self._sent)  # again
        if what < 0.06:
            missed = self._chance.randrange(1, 5)
            self._seq += missed
            self._time += missed * NS
        elif what < 0.08:
            self._seq = 0  # restarted
            self._time += 60 * NS
        elif what < 0.10:
            self._run, self._seq = self._chance.randrange(1, 1000), 0
        elif what < 0.12:
            self._layout = 10 * self._stream + self._chance.randrange(2)
        elif what < 0.14:
            self._time += self._chance.randrange(-NS, NS)
        self._time += self._chance.randrange(-NS // 20, NS // 20)  # jitter
        seq = None if 0.14 < what < 0.16 else self._seq
        samples = np.zeros((1, 10), np.float32)
        block = SampleBlock(f"t{self._stream}", "ec", self._time, NS // 10, ("w",), samples, seq, self._run)
        self._seq += 1
        self._time += NS
        self._sent.append(block)
        return self._layout, block


@pytest.mark.parametrize("seed", range(20))
def test_consecutive_blocks_count_as_single_blocks_do(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    now = START
    monkeypatch.setattr(acknowledgements.time, "time_ns", lambda: now)
    one, other = make_acknowledgements(), make_acknowledgements()
    senders = [Sender(stream, chance) for stream in range(1, STREAMS + 1)]
    in_line = stored = 0
    for _ in range(400):
        now += chance.randrange(NS)
        batch = [sender.send() for sender in chance.choices(senders, k=chance.randrange(1, 12))]
        one.add_commit([], [arrays(batch)], Committed())
        other.add_commit([block for _, block in batch], [], Committed())
        if chance.random() < 0.2:
            expected = taken(other)
            assert taken(one) == expected
            stored += len(expected)
            in_line += sum(advance.records > 1 and advance.in_line for advance in expected.values())
    assert taken(one) == taken(other)
    assert stored > 100
    assert in_line > 20


def test_forgetting_sequences_loses_nothing_that_is_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acknowledgements, "MAX_SEQUENCES", 5)
    chance = random.Random(3)
    some = make_acknowledgements()
    senders = [Sender(stream, chance) for stream in range(1, STREAMS + 1)]
    sent: dict[tuple[str, int], int] = {}
    stored: dict[tuple[str, int], int] = {}
    for _ in range(300):
        batch = [sender.send() for sender in chance.choices(senders, k=chance.randrange(1, 12))]
        some.add_commit([], [arrays(batch)], Committed())
        for _, block in batch:
            sent[block.station, block.run] = sent.get((block.station, block.run), 0) + 1
        if chance.random() < 0.5:
            for key, advance in taken(some).items():
                stored[key] = stored.get(key, 0) + advance.records
    for key, advance in taken(some).items():
        stored[key] = stored.get(key, 0) + advance.records
    assert stored == sent
    assert len(sent) > 40


def test_blocks_in_line_are_not_counted_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    some = make_acknowledgements()
    single = 0
    add = some._add

    def count(*arguments: object) -> None:
        nonlocal single
        single += 1
        add(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(some, "_add", count)
    nothing = np.zeros((1, 10), np.float32)
    for second in range(50):
        batch = [
            (10 * stream, SampleBlock(f"t{stream}", "ec", START + second * NS, NS // 10, ("w",), nothing, second, 5))
            for stream in range(1, 101)
        ]
        some.add_commit([], [arrays(batch)], Committed())
        some._count()
    assert single == 100
    assert {(one.records, tuple(map(tuple, one.numbers))) for one in taken(some).values()} == {(50, ((0, 49),))}
