"""Watermarks on a real database: they say what was committed, whichever collector did it, and know what is missing."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from core.clock import NS, from_ns
from core.records import Reading, SampleBlock
from core.store import NO_SEQ, BlockArrays, Committed, Store
from ingest.collector.acknowledgements import Acknowledgements
from ingest.collector.sequence import MAX_RANGES
from ingest.collector.watermark import Watermark, decode

pytestmark = pytest.mark.integration

ROOT = "flux/v1"
START = 1_782_864_000 * NS
FILE = """
[station]
id = "cn-x"
name = "x"
latitude = 26.0
longitude = 118.0
altitude = 10.0
utc_offset = 8.0
[[stream]]
name = "ec"
kind = "block"
rate = 10.0
channels = [{ name = "w", variable = "W", unit = "m s-1" }]
[[stream]]
name = "met"
kind = "reading"
interval = 60.0
channels = [{ name = "TA", variable = "TA", unit = "deg C" }]
"""


def block(second: int, seq: int | None, run: int = 0) -> SampleBlock:
    """A block of one second."""
    return SampleBlock("cn-x", "ec", START + second * NS, NS // 10, ("w",), np.zeros((1, 10), np.float32), seq, run)


class Collector:
    """A collector's acknowledgements without its broker: what it would publish is kept."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.published: dict[str, bytes] = {}
        self.connected = True
        self.acknowledgements = Acknowledgements(store, ROOT, self._publish)

    def _publish(self, messages: Sequence[tuple[str, bytes]]) -> int:
        if not self.connected:
            return 0
        self.published.update(messages)
        return len(messages)

    def commit(self, *records: SampleBlock | Reading) -> None:
        blocks = [record for record in records if isinstance(record, SampleBlock)]
        readings = [record for record in records if isinstance(record, Reading)]
        done = self.store.messages.commit(blocks, readings)
        self.acknowledgements.add_commit(records, [], done)

    def watermark(self, stream: str = "ec") -> Watermark:
        return decode(self.published[f"{ROOT}/cn-x/{stream}/committed"])


@pytest.fixture
def station(store: Store) -> Store:
    store.stations.put(FILE, "x.toml")
    return store


@pytest.fixture
def one(station: Store) -> Collector:
    return Collector(station)


@pytest.fixture
def other(station: Store) -> Collector:
    return Collector(station)


def at(second: float) -> datetime:
    return from_ns(START) + timedelta(seconds=second)


def open_gaps(store: Store) -> list[tuple[datetime, datetime, int, bool]]:
    store.gaps.search()
    return [(gap.starts, gap.ends, gap.blocks, gap.counted) for gap in reversed(store.gaps.find())]


def age_gaps(store: Store) -> None:
    """Let the known gaps be known for an hour."""
    with psycopg.connect(store.dsn) as connection:
        connection.execute("UPDATE gap SET noticed = noticed - interval '1 hour'")


def test_two_collectors_in_any_order_say_what_is_committed(one: Collector, other: Collector) -> None:
    """Random parts, orders, repetitions and kills; the newest watermark is what was committed and counted."""
    chance = random.Random(4)
    collectors = [one, other]
    waiting: list[set[int]] = [set(), set()]
    published: set[int] = set()
    kills = 0
    for _ in range(60):
        number = chance.randrange(2)
        parts = chance.sample(range(120), chance.randrange(1, 12))
        collectors[number].commit(*(block(seq, seq, run=7) for seq in parts))
        waiting[number] |= set(parts)
        if chance.random() < 0.2:  # killed before it published: the blocks are stored, and not said to be
            collectors[number], waiting[number] = Collector(one.store), set()
            kills += 1
        if waiting[number] and chance.random() < 0.5:
            collectors[number].acknowledgements.publish_due()
            published |= waiting[number]
            waiting[number] = set()
            watermark = collectors[number].watermark()
            assert {seq for seq in range(130) if watermark.covers(seq)} == published
    assert kills > 5
    assert len(published) > 100


def test_watermarks_grow_with_what_comes(one: Collector) -> None:
    one.commit(block(0, 10, 3), block(1, 11, 3), block(3, 13, 3))
    one.acknowledgements.publish_due()
    assert one.watermark() == Watermark(3, 13, ((0, 9), (12, 12)))
    one.commit(block(2, 12, 3), block(3, 13, 3), block(4, 14, 3))
    one.acknowledgements.publish_due()
    assert one.watermark() == Watermark(3, 14, ((0, 9),))
    (arrival,) = one.store.watermarks.read_arrivals("cn-x")
    assert (arrival.records, arrival.duplicates, arrival.restarts) == (6, 1, 0)


def test_sequences_do_not_mix(one: Collector) -> None:
    one.commit(*(block(i, i, 5) for i in range(3)), *(block(10 + i, i, 6) for i in range(2)))
    one.acknowledgements.publish_due()
    one.published.clear()
    one.commit(block(12, 2, 6))
    one.acknowledgements.publish_due()
    assert one.watermark() == Watermark(6, 2)
    assert one.store.watermarks.read_arrivals("cn-x")[0].restarts == 1


@pytest.mark.parametrize("fresh", [False, True], ids=["same collector", "collector restarted, too"])
def test_a_restarted_logger_that_names_no_sequence_begins_a_new_count(
    one: Collector, other: Collector, fresh: bool
) -> None:
    one.commit(*(block(i, 100 + i) for i in range(5)))
    one.acknowledgements.publish_due()
    assert one.watermark() == Watermark(0, 104, ((0, 99),))
    now = other if fresh else one
    now.commit(*(block(60 + i, i) for i in range(3)))
    now.acknowledgements.publish_due()
    assert now.watermark() == Watermark(0, 2)
    now.commit(block(5, 105))  # late, of the count before
    now.acknowledgements.publish_due()
    assert now.watermark() == Watermark(0, 2)
    now.commit(block(63, 3), block(62, 2))
    now.acknowledgements.publish_due()
    assert now.watermark() == Watermark(0, 3)
    assert one.store.watermarks.read_arrivals("cn-x")[0].restarts == 1


def test_a_restart_and_its_first_blocks_between_two_publications(one: Collector, other: Collector) -> None:
    one.commit(*(block(i, 100 + i) for i in range(5)), *(block(60 + i, i) for i in range(2)), block(4, 104))
    other.commit(block(62, 2))
    other.acknowledgements.publish_due()
    one.acknowledgements.publish_due()
    assert one.watermark() == Watermark(0, 2)


def test_what_the_broker_did_not_get_is_published_later(one: Collector) -> None:
    one.connected = False
    one.commit(block(0, 0, 1))
    one.acknowledgements.publish_due()
    assert not one.published
    one.connected = True
    one.acknowledgements.publish_due()
    assert one.watermark() == Watermark(1, 0)


def test_more_ranges_than_are_remembered(one: Collector) -> None:
    one.acknowledgements.add_commit([block(2 * i, 2 * i, 1) for i in range(MAX_RANGES + 10)], [], Committed())
    one.acknowledgements.publish_due()
    assert one.watermark().covers(2 * (MAX_RANGES + 10) - 2) or one.watermark().seq > MAX_RANGES
    assert not one.watermark().covers(1)


def test_a_gap_opens_shrinks_and_is_filled(one: Collector) -> None:
    one.commit(*(block(i, i) for i in range(10)), *(block(i, i) for i in range(15, 20)))
    one.acknowledgements.publish_due()
    assert open_gaps(one.store) == []  # they may still be on their way
    one.commit(*(block(i, i) for i in range(20, 120)))
    one.acknowledgements.publish_due()
    assert open_gaps(one.store) == [(at(10), at(15), 5, True)]
    assert open_gaps(one.store) == [(at(10), at(15), 5, True)]
    age_gaps(one.store)
    one.commit(block(13, 13), block(14, 14))
    one.acknowledgements.publish_due()
    assert open_gaps(one.store) == [(at(10), at(15), 5, True)]
    assert one.store.gaps.find()[0].missing_s == pytest.approx(3, abs=0.51)
    one.commit(block(10, 10), block(11, 11), block(12, 12))
    one.acknowledgements.publish_due()
    assert open_gaps(one.store) == []
    (gap,) = one.store.gaps.find(filled=True)
    assert gap.filled is not None
    assert gap.missing_s == 0


def test_what_is_filled_at_once_was_no_gap(one: Collector) -> None:
    one.commit(*(block(i, i) for i in range(200) if i != 50))
    one.acknowledgements.publish_due()
    assert len(open_gaps(one.store)) == 1
    one.commit(block(50, 50))
    one.acknowledgements.publish_due()
    one.store.gaps.search()
    assert one.store.gaps.find(filled=True) == []


def test_a_logger_that_did_not_record_lost_nothing(one: Collector) -> None:
    """Its numbers go on although time went by; one that restarted is judged by time alone."""
    one.commit(*(block(i, i) for i in range(10)), *(block(300 + i, 10 + i) for i in range(100)))
    one.commit(*(block(1000 + i, i) for i in range(100)))
    one.acknowledgements.publish_due()
    assert open_gaps(one.store) == [(at(10), at(300), 0, True), (at(400), at(1000), 600, False)]


def test_gaps_between_sequences_and_of_senders_that_do_not_count(one: Collector) -> None:
    one.commit(*(block(i, i, 5) for i in range(100)), *(block(130 + i, i, 6) for i in range(100)))
    step = 60 * NS
    for minute in (*range(10), *range(13, 20)):
        one.commit(Reading("cn-x", "met", START + minute * step, {"TA": 1.0}, step_ns=step))
    one.acknowledgements.publish_due()
    assert open_gaps(one.store) == [(at(100), at(130), 30, False), (at(600), at(780), 3, False)]


def test_jitter_is_no_gap(one: Collector) -> None:
    chance = random.Random(1)
    blocks = [block(i, i) for i in range(300)]
    shifted = [
        SampleBlock(
            b.station, b.stream, b.start_ns + chance.randrange(-NS // 5, NS // 5), b.dt_ns, b.channels, b.samples
        )
        for b in blocks
    ]
    one.commit(*shifted)
    one.acknowledgements.publish_due()
    assert open_gaps(one.store) == []


def test_a_sender_with_endless_holes_is_bounded(one: Collector) -> None:
    for part in range(4):
        one.acknowledgements.add_commit(
            [block(2 * i, 2 * i) for i in range(part * 400, part * 400 + 400)], [], Committed()
        )
        one.acknowledgements.publish_due()
        one.store.gaps.search()
    with psycopg.connect(one.store.dsn) as connection:
        (row,) = connection.execute(
            "SELECT (SELECT count(*) FROM unnest(committed)), (SELECT count(*) FROM unnest(covered)) FROM watermark"
        ).fetchall()
        assert row == (500, 500)
        (gaps,) = connection.execute("SELECT count(*), count(DISTINCT starts) FROM gap").fetchall()
    assert gaps[0] == gaps[1]
    assert 1500 <= gaps[0] < 1600
    assert not one.watermark().covers(1599)
    one.acknowledgements.add_commit([block(2 * 1600, 2 * 1600)], [], Committed())
    one.acknowledgements.publish_due()
    assert not one.watermark().covers(0)  # forgotten: said to be open, never the other way round


def test_lag_and_clock(one: Collector) -> None:
    now = datetime.now(UTC)
    ahead = SampleBlock(
        "cn-x", "ec", int((now.timestamp() + 29) * NS), NS // 10, ("w",), np.zeros((1, 10), np.float32), 0, 1
    )
    late = SampleBlock(
        "cn-x", "ec", int((now.timestamp() - 601) * NS), NS // 10, ("w",), np.zeros((1, 10), np.float32), 1, 1
    )
    one.commit(ahead, late)
    one.acknowledgements.publish_due()
    (arrival,) = one.store.watermarks.read_arrivals()
    assert arrival.delay_s == pytest.approx(-30, abs=2)
    assert arrival.lag_s == pytest.approx(600, abs=2)
    assert arrival.newest == pytest.approx(now + timedelta(seconds=30), abs=timedelta(seconds=2))
    assert arrival.seen == pytest.approx(now, abs=timedelta(seconds=5))


def test_blocks_in_arrays_count_like_records(one: Collector) -> None:
    """A commit of both kinds, with repetitions of each."""

    def arrays(*blocks: SampleBlock) -> BlockArrays:
        row = one.store.catalogue.stream(blocks[0])
        return BlockArrays(
            np.full(len(blocks), row.station_key, np.int32),
            np.full(len(blocks), row.key, np.int32),
            np.array([b.start_ns for b in blocks]),
            np.array([b.dt_ns for b in blocks]),
            np.array([NO_SEQ if b.seq is None else b.seq for b in blocks]),
            np.array([b.run for b in blocks]),
            np.stack([b.samples for b in blocks]),
        )

    one.commit(block(0, 0, 9), block(1, 1, 9))
    records = [block(2, 2, 9), block(1, 1, 9)]
    others = [arrays(block(3, 3, 9), block(0, 0, 9), block(5, 5, 9)), arrays(block(7, None, 9))]
    done = one.store.messages.commit(records, [], [], others)
    one.acknowledgements.add_commit(records, others, done)
    one.acknowledgements.publish_due()
    assert one.watermark() == Watermark(9, 5, ((4, 4),))
    (arrival,) = one.store.watermarks.read_arrivals()
    assert (arrival.records, arrival.duplicates) == (8, 2)


def test_what_a_killed_collector_did_not_publish_is_no_gap(one: Collector, other: Collector) -> None:
    step = 60 * NS
    one.commit(*(block(i, i, 5) for i in range(10)))
    one.commit(*(Reading("cn-x", "met", START + i * step, {"TA": 1.0}, step_ns=step) for i in range(5)))
    one.acknowledgements.publish_due()
    lost = Collector(one.store)
    lost.commit(*(block(i, i, 5) for i in range(10, 20)))
    lost.commit(*(Reading("cn-x", "met", START + i * step, {"TA": 1.0}, step_ns=step) for i in range(5, 8)))
    other.commit(*(block(i, i, 5) for i in range(23, 150)))
    other.commit(*(Reading("cn-x", "met", START + i * step, {"TA": 1.0}, step_ns=step) for i in range(8, 20)))
    other.acknowledgements.publish_due()
    assert other.watermark() == Watermark(5, 149, ((10, 22),))  # sending them again moves the watermark
    assert open_gaps(one.store) == [(at(20), at(23), 3, True)]
    assert open_gaps(one.store) == [(at(20), at(23), 3, True)]


def test_data_that_come_by_another_way_close_a_gap(one: Collector) -> None:
    one.commit(*(block(i, i, 5) for i in (*range(10), *range(20, 150))))
    one.acknowledgements.publish_due()
    assert open_gaps(one.store) == [(at(10), at(20), 10, True)]
    one.store.messages.commit([block(i, None) for i in range(10, 19)], [])
    one.store.gaps.check("cn-y")
    assert one.store.gaps.find()[0].missing_s == pytest.approx(10, abs=0.51)
    one.store.gaps.check("cn-x")
    assert one.store.gaps.find()[0].missing_s == pytest.approx(1, abs=0.51)
    one.store.messages.commit([block(19, None)], [])
    one.store.gaps.check()
    assert one.store.gaps.find() == []


def test_what_the_store_refuses_does_not_stop_the_others(one: Collector, caplog: pytest.LogCaptureFixture) -> None:
    one.acknowledgements.add_commit([block(0, 2**63 - 1, 1), block(1, 1, 2)], [], Committed())  # no range can end there
    one.acknowledgements.publish_all()
    assert "left out" in caplog.text
    one.commit(block(2, 2, 2))
    one.acknowledgements.publish_all()
    assert one.watermark() == Watermark(2, 2, ((0, 1),))


def test_sequences_without_end_are_forgotten_and_found_again(one: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.collector.acknowledgements.MAX_SEQUENCES", 10)
    for run in range(1, 40):
        one.commit(block(run, 0, run))
        one.acknowledgements.publish_due()
    one.commit(block(100, 1, 3))
    one.acknowledgements.publish_due()
    assert one.watermark() == Watermark(3, 1)
