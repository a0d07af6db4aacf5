"""Commits of many streams: what they leave is right at any time, before and after it is merged."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import psycopg
import pytest

from core.clock import NS, to_ns
from core.errors import ConfigError, StoreError, UnknownStation
from core.records import Reading, SampleBlock
from core.store import BlockArrays, Store, messages
from tests.core.test_store import CHANNELS, START, START_NS, STATION
from tests.waiting import PATIENCE

pytestmark = pytest.mark.integration

TOWERS = 12


@pytest.fixture
def towers(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store that takes ten streams for many."""
    monkeypatch.setattr(messages, "MANY_STREAMS", 10)
    store.stations.put_all([(STATION.format(id=f"t{i}"), f"t{i}.toml") for i in range(TOWERS)])
    return store


def second_of(store: Store, second: int, towers: Sequence[int]) -> tuple[BlockArrays, list[SampleBlock]]:
    """A second of 20 Hz data of some towers, in arrays and as records."""
    random = np.random.default_rng(second)
    samples = random.normal(10, 2, (len(towers), len(CHANNELS), 20)).astype(np.float32)
    samples[random.random(samples.shape) < 0.05] = np.nan
    store.catalogue.refresh()
    rows = [store.catalogue.layout(f"t{i}", "ec", "block", CHANNELS) for i in towers]
    start_ns, dt_ns = START_NS + second * NS, NS // 20
    arrays = BlockArrays(
        np.array([row.station_key for row in rows], np.int32),
        np.array([row.key for row in rows], np.int32),
        np.full(len(towers), start_ns),
        np.full(len(towers), dt_ns),
        np.full(len(towers), second),
        np.zeros(len(towers), np.int64),
        samples,
    )
    records = [
        SampleBlock(f"t{i}", "ec", start_ns, dt_ns, CHANNELS, one, second)
        for i, one in zip(towers, samples, strict=True)
    ]
    return arrays, records


def minutes(store: Store, tower: int) -> pl.DataFrame:
    return store.minutes.read(f"t{tower}", "ec", START - timedelta(hours=1), START + timedelta(hours=1))


def assert_minutes(store: Store, tower: int, sent: Sequence[SampleBlock]) -> None:
    """The minutes are the plain statistics of what was sent."""
    samples: dict[datetime, list[np.ndarray]] = {}
    for block in sent:
        if block.station == f"t{tower}":
            at = START + timedelta(minutes=(block.start_ns - START_NS) // (60 * NS))
            samples.setdefault(at, []).append(block.samples.astype(np.float64))
    found = minutes(store, tower)
    assert found.height == len(samples) * len(CHANNELS)
    for at, parts in samples.items():
        values = np.concatenate(parts, axis=1)
        for i, channel in enumerate(CHANNELS):
            row = found.filter((pl.col("time") == at) & (pl.col("channel") == channel)).row(0, named=True)
            assert row["n"] == np.isfinite(values[i]).sum()
            assert row["mean"] == pytest.approx(np.nanmean(values[i]), rel=1e-12)
            assert row["sd"] == pytest.approx(np.nanstd(values[i]), rel=1e-9)
            lowest, highest = np.nanmin(values[i]), np.nanmax(values[i])
            assert (np.float32(row["min"]), np.float32(row["max"])) == (lowest, highest)


def count(store: Store, table: str) -> int:
    with psycopg.connect(store.dsn) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # type: ignore[arg-type]
        assert row is not None
        return int(row[0])


def intervals(store: Store) -> list[tuple[int, int]]:
    with psycopg.connect(store.dsn) as connection:
        return connection.execute("SELECT station, samples FROM interval_state ORDER BY 1").fetchall()


def test_minutes_are_right_before_while_and_after_they_are_merged(towers: Store) -> None:
    sent = []
    for second in (50, 55, 59, 60, 61):
        arrays, records = second_of(towers, second, range(TOWERS))
        assert towers.messages.commit([], [], [], [arrays]).blocks == TOWERS
        sent += records
    assert (count(towers, "minute"), count(towers, "interval_state")) == (0, 0)
    assert_minutes(towers, 7, sent)
    assert towers.minutes.merge_parts(START + timedelta(minutes=1)) == 3
    assert (count(towers, "minute"), count(towers, "minute_part")) == (TOWERS, 2)
    assert_minutes(towers, 7, sent)
    # a few late blocks go to the table at once, many to the parts
    for second, some in ((3, range(2)), (4, range(TOWERS))):
        arrays, records = second_of(towers, second, some)
        towers.messages.commit([], [], [], [arrays])
        sent += records
    for tower in (0, 7):
        assert_minutes(towers, tower, sent)
    towers.minutes.merge_parts(START + timedelta(hours=1))
    assert count(towers, "minute_part") == 0
    for tower in (0, 7):
        assert_minutes(towers, tower, sent)
    assert intervals(towers) == [(i + 1, 140 if i < 2 else 120) for i in range(TOWERS)]
    assert towers.minutes.merge_parts() == 0


def test_minutes_are_merged_in_portions(towers: Store) -> None:
    sent = []
    for second in range(0, 50, 5):
        arrays, records = second_of(towers, second, range(TOWERS))
        towers.messages.commit([], [], [], [arrays])
        sent += records
    waiting = towers.minutes.count_parts()
    assert waiting == 10 * -(-TOWERS // 128)
    while merged := towers.minutes.merge_parts(most=7):
        assert merged == min(7, waiting)
        waiting -= merged
        assert towers.minutes.count_parts() == waiting
        assert_minutes(towers, 7, sent)
    assert waiting == 0
    assert [samples for _, samples in intervals(towers)] == [200] * TOWERS


def test_duplicates_count_once_among_many(towers: Store) -> None:
    first, sent = second_of(towers, 0, range(TOWERS - 1))
    again, more = second_of(towers, 0, range(TOWERS))
    towers.messages.commit([], [], [], [first])
    done = towers.messages.commit([], [], [], [again, again])
    assert (done.blocks, done.duplicate_blocks) == (1, 2 * TOWERS - 1)
    assert [sorted(one.stream.tolist()) for one in done.repeated_arrays] == [
        sorted(again.stream.tolist())[:-1],
        sorted(again.stream.tolist()),
    ]
    done = towers.messages.commit([more[0], more[0]], [])
    assert (done.repeated, done.repeated_arrays) == ((more[0], more[0]), ())
    towers.minutes.merge_parts()
    assert_minutes(towers, 3, sent)
    assert_minutes(towers, TOWERS - 1, more)
    assert [samples for _, samples in intervals(towers)] == [20] * TOWERS


def test_several_may_merge_at_once(towers: Store) -> None:
    sent = []
    for second in range(40):
        arrays, records = second_of(towers, second, range(TOWERS))
        towers.messages.commit([], [], [], [arrays])
        sent += records
    others = [Store(towers.dsn) for _ in range(3)]
    threads = [threading.Thread(target=other.minutes.merge_parts) for other in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    for other in others:
        other.close()
    assert count(towers, "minute_part") == 0
    assert_minutes(towers, 5, sent)
    assert [samples for _, samples in intervals(towers)] == [800] * TOWERS


def test_a_merge_that_fails_changes_nothing(towers: Store) -> None:
    arrays, sent = second_of(towers, 0, range(TOWERS))
    towers.messages.commit([], [], [], [arrays])
    with psycopg.connect(towers.dsn, autocommit=True) as connection:
        connection.execute("ALTER TABLE interval_state ADD CONSTRAINT refuse CHECK (samples = 0)")
        with pytest.raises(StoreError, match="refuse"):
            towers.minutes.merge_parts()
        assert_minutes(towers, 1, sent)
        connection.execute("ALTER TABLE interval_state DROP CONSTRAINT refuse")
    towers.minutes.merge_parts()
    assert_minutes(towers, 1, sent)


def test_the_newest_of_many_streams_are_written_soon(towers: Store) -> None:
    for second in (1, 0):
        arrays, records = second_of(towers, second, range(TOWERS))
        towers.messages.commit([], [], [], [arrays])
    assert towers.latest.read(None) == []
    towers.latest.write(3600)
    assert towers.latest.read(None) == []
    towers.latest.write()
    (latest,) = towers.latest.read("t4")
    assert latest.time == START + timedelta(seconds=1.95)
    _, records = second_of(towers, 1, range(TOWERS))
    assert list(latest.values.values()) == pytest.approx(records[4].samples[:, -1].tolist(), nan_ok=True)
    assert latest.received <= datetime.now(UTC)


def test_a_commit_of_many_that_fails_tells_no_newest_values(towers: Store) -> None:
    arrays, _ = second_of(towers, 0, range(TOWERS))
    with pytest.raises(StoreError, match="out of range"):
        towers.messages.commit([], [Reading("t0", "met", to_ns(START), {"TA": 1e-300, "RH": 1.0})], [], [arrays])
    towers.latest.write()
    assert (towers.latest.read(None), count(towers, "minute_part"), count(towers, "sample_block")) == ([], 0, 0)


def test_stations_are_registered_together_or_not_at_all(store: Store) -> None:
    files = [(STATION.format(id=f"s{i}"), f"s{i}.toml") for i in range(3)]
    with pytest.raises(ConfigError, match=r"bad.toml: line \d+: sonic.height"):
        store.stations.put_all([*files, (STATION.format(id="bad").replace("height = 30", "height = -3"), "bad.toml")])
    with pytest.raises(ConfigError, match=r"again.toml: station.id.*as in s1.toml"):
        store.stations.put_all([*files, (files[1][0], "again.toml")])
    assert store.stations.read_all() == []
    rows = store.stations.put_all(files)
    assert [row.station.id for row in rows] == ["s0", "s1", "s2"]
    assert store.stations.put_all(files[::-1])[::-1] == rows
    assert store.stations.read_all() == rows


def test_the_catalogue_reads_only_what_is_new(store: Store) -> None:
    store.stations.put(STATION.format(id="a"), "a")
    assert store.catalogue.refresh() == {"a"}
    assert store.catalogue.refresh() == set()
    with pytest.raises(UnknownStation):
        store.catalogue.station("b")
    store.stations.put_all(
        [(STATION.format(id=name).replace("height = 30", "height = 31"), name) for name in ("a", "b")]
    )
    assert store.catalogue.station("a").sonic.height == 30  # type: ignore[union-attr]
    assert store.catalogue.refresh() == {"a", "b"}
    assert store.catalogue.station("a") == store.stations.read("a").station
    assert store.catalogue.station("b") == store.stations.read("b").station
    store.stations.put(STATION.format(id="a"), "a")
    store.stations.put(STATION.format(id="a").replace("height = 30", "height = 32"), "a")
    assert store.catalogue.refresh() == {"a"}
    assert store.catalogue.refresh() == set()
    assert store.catalogue.station("a") == store.stations.read("a").station
    with psycopg.connect(store.dsn, autocommit=True) as connection:  # as it was stored before there was JSON
        connection.execute("UPDATE station_config SET parsed = NULL")
    with Store(store.dsn) as other:
        other.catalogue.refresh()
        assert other.catalogue.station("a") == store.stations.read("a").station
        with pytest.raises(StoreError, match="no block stream 'ec' with channels u"):
            other.catalogue.layout("a", "ec", "block", ("u",))


def test_arrays_of_samples_are_not_counted_for_statistics(towers: Store) -> None:
    """PostgreSQL would count each element of each array, again and again while the table grows."""
    arrays, _ = second_of(towers, 1, range(TOWERS))
    towers.messages.commit([], [], [], [arrays])
    towers.minutes.merge_parts(START + timedelta(days=1))
    with psycopg.connect(towers.dsn, autocommit=True) as connection:
        connection.execute("ANALYZE sample_block, minute")
        columns = connection.execute(
            "SELECT c.hypertable_name, s.attname FROM timescaledb_information.chunks c "
            "JOIN pg_stats s ON s.schemaname = c.chunk_schema AND s.tablename = c.chunk_name "
            "WHERE c.hypertable_name IN ('sample_block', 'minute')"
        ).fetchall()
        ((options,),) = connection.execute(
            "SELECT t.reloptions FROM timescaledb_information.chunks c "
            "JOIN pg_class t ON t.oid = format('%I.%I', c.chunk_schema, c.chunk_name)::regclass "
            "WHERE c.hypertable_name = 'sample_block'"
        ).fetchall()
    found = {name for table, name in columns if table == "sample_block"}
    assert {"station", "stream", "time"} <= found
    assert not found & {f"c{i}" for i in range(1, 33)}
    assert not {name for table, name in columns if table == "minute"} & {"n", "mean", "min", "max", "sd"}
    assert "autovacuum_vacuum_insert_threshold=-1" in options


def test_one_station_of_many_is_found_by_its_index(towers: Store) -> None:
    with psycopg.connect(towers.dsn) as connection:
        connection.execute("SET LOCAL enable_seqscan = off")
        plan = connection.execute("EXPLAIN SELECT * FROM v_station WHERE station = 't7'").fetchall()
    assert any("Index Cond: (id = 't7'" in line for (line,) in plan), plan
