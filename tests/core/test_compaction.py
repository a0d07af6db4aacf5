"""Compaction and retention on a real TimescaleDB: the same samples before and after, whoever dies in between."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
import pytest

from core.clock import NS, to_ns
from core.errors import StoreError
from core.records import FluxRecord, Reading, Reject, SampleBlock
from core.settings import Settings
from core.store import Store, messages
from core.store.blobs import Blocks
from tests.core.earlier import earlier_store
from tests.waiting import wait_for

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
DAY = datetime(2025, 7, 1, tzinfo=UTC)
AFTER = DAY + timedelta(days=2)
HALF = timedelta(minutes=30)
DT = NS // 10
CHANNELS = ("u", "v", "w", "ts")
STATION = """
[station]
id = "cn-keep"
name = "Test tower"
latitude = 26.1
longitude = 117.4
altitude = 300
utc_offset = 8
[site]
canopy_height = 12
[sonic]
model = "CSAT3"
height = 30
[[stream]]
name = "ec"
kind = "block"
rate = 10
channels = [
    { name = "u", variable = "U", unit = "m s-1", resolution = 0.001 },
    { name = "v", variable = "V", unit = "m s-1", resolution = 0.001 },
    { name = "w", variable = "W", unit = "m s-1" },
    { name = "ts", variable = "T_SONIC", unit = "deg C", resolution = 0.5 },
]
[[stream]]
name = "met"
kind = "reading"
interval = 60
channels = [{ name = "TA", variable = "TA", unit = "deg C" }]
[flux]
stream = "ec"
meteorology = "met"
lateness_seconds = 60
"""
COMPACT = """
import sys
from datetime import datetime
from core.store import Store
with Store(sys.argv[1]) as store:
    print(store.compaction.compact(datetime.fromisoformat(sys.argv[2])).half_hours, flush=True)
"""


@pytest.fixture
def tower(store: Store) -> Store:
    store.stations.put(STATION, "cn-keep.toml")
    return store


def make_samples(n: int, seed: int = 1) -> np.ndarray:
    """Values on the sensors' steps, but w and ts, which is declared wrongly; with every kind of odd value."""
    random = np.random.default_rng(seed)
    samples = np.round(random.normal(0, 1, (4, n)).cumsum(axis=1), 3).astype(np.float32)
    samples[2] += np.float32(1e-5)
    odd = [np.nan, np.inf, -np.inf, -0.0, 1e-45, 3.4e38]
    for row in samples:
        row[random.choice(n, len(odd), replace=False)] = odd
    samples.view(np.uint32)[1, random.integers(n)] = 0x7FC12345  # a NaN that says something
    samples[0, n // 2 : n // 2 + 50] = np.nan
    return samples


def cut(samples: np.ndarray, sizes: list[int], start: datetime = DAY, skip: tuple[int, ...] = ()) -> list[SampleBlock]:
    """Cut samples into blocks of these sizes, over and over; leave out those of the numbers in ``skip``."""
    made, place = [], 0
    while place < samples.shape[1]:
        n = sizes[len(made) % len(sizes)]
        part = samples[:, place : place + n]
        made.append(SampleBlock("cn-keep", "ec", to_ns(start) + place * DT, DT, CHANNELS, part, seq=7 + len(made)))
        place += n
    return [block for i, block in enumerate(made) if i not in skip]


def all_blocks(store: Store) -> Blocks:
    """Everything that is stored of the stream, with block borders, numbers and times of arrival."""
    (layout,) = [row for row in store.stations.read_streams("cn-keep") if row.kind == "block"]
    found = store.samples.read_blocks(layout, DAY - timedelta(days=1), AFTER)
    assert found is not None
    return found


def query(store: Store, statement: str) -> list[tuple]:
    with psycopg.connect(store.dsn) as connection:
        return connection.execute(statement).fetchall()


def count(store: Store, table: str) -> int:
    return query(store, f"SELECT count(*) FROM {table}")[0][0]


def test_samples_borders_numbers_and_times_are_the_same_before_and_after(tower: Store) -> None:
    samples = make_samples(40_000)
    samples.view(np.uint32)[3, 11] = 0x7F812345  # a signalling NaN
    blocks = cut(samples, [100, 1, 37, 250, 64], skip=(5, 6, 300))
    with np.errstate(invalid="ignore"):
        tower.messages.commit(blocks[::2], [])
    tower.messages.commit(blocks[1::2], [])
    windows = [(DAY, HALF), (DAY + HALF, HALF), (DAY + timedelta(minutes=7, seconds=3), timedelta(hours=1))]
    stored, span = all_blocks(tower), tower.samples.read_span("cn-keep", "ec")
    traces = [tower.samples.read("cn-keep", "ec", start, start + length) for start, length in windows]
    assert np.isnan(traces[0].channels["w"]).any()
    done = tower.compaction.compact(AFTER)
    assert (done.half_hours, done.samples, done.left, done.chunks) == (3, sum(b.samples.shape[1] for b in blocks), 0, 1)
    assert (count(tower, "sample_block"), count(tower, "sample_blob")) == (0, 3)
    assert query(tower, "SELECT count(*) FROM show_chunks('sample_block')") == [(0,)]
    assert all_blocks(tower).equals(stored)
    assert tower.samples.read_span("cn-keep", "ec") == span
    for trace, (start, length) in zip(traces, windows, strict=True):
        again = tower.samples.read("cn-keep", "ec", start, start + length)
        for name in CHANNELS:
            assert np.array_equal(trace.channels[name], again.channels[name], equal_nan=True)
    sent = np.concatenate([block.samples for block in blocks], axis=1)
    assert np.array_equal(stored.samples.view(np.uint32), sent.view(np.uint32))
    assert tower.compaction.compact(AFTER).half_hours == 0


def test_what_is_sent_again_is_a_duplicate_and_a_late_block_is_merged(tower: Store) -> None:
    blocks = cut(make_samples(20_000), [100])
    late = blocks.pop(17)
    tower.messages.commit(blocks, [])
    tower.compaction.compact(AFTER)
    minutes = tower.minutes.read("cn-keep", "ec", DAY, AFTER)
    counted = query(tower, "SELECT samples, revision FROM interval_state ORDER BY time")
    assert tower.messages.commit(blocks, []).duplicate_blocks == len(blocks)
    assert tower.minutes.read("cn-keep", "ec", DAY, AFTER).equals(minutes)
    assert query(tower, "SELECT samples, revision FROM interval_state ORDER BY time") == counted
    assert tower.messages.commit([late, blocks[16]], []).blocks == 1
    stored = all_blocks(tower)
    assert len(stored.n) == 200
    trace = tower.samples.read("cn-keep", "ec", DAY, DAY + HALF)
    assert tower.compaction.compact(AFTER).samples == 100
    assert all_blocks(tower).equals(stored)
    again = tower.samples.read("cn-keep", "ec", DAY, DAY + HALF)
    assert all(np.array_equal(trace.channels[c], again.channels[c], equal_nan=True) for c in CHANNELS)
    assert (count(tower, "sample_block"), count(tower, "sample_blob")) == (0, 2)


def test_where_blocks_overlap_the_later_start_counts_however_they_are_stored(tower: Store) -> None:
    early = SampleBlock("cn-keep", "ec", to_ns(DAY), DT, CHANNELS, np.full((4, 300), 1, np.float32))
    later = SampleBlock("cn-keep", "ec", to_ns(DAY) + 100 * DT, DT, CHANNELS, np.full((4, 50), 2, np.float32))
    expected = np.repeat([1.0, 2.0, 1.0], [100, 50, 150])
    for rows in ([early], [later]):
        tower.messages.commit(rows, [])
    end = DAY + timedelta(seconds=30)
    assert np.array_equal(tower.samples.read("cn-keep", "ec", DAY, end).channels["u"], expected)
    tower.compaction.compact(AFTER)
    assert np.array_equal(tower.samples.read("cn-keep", "ec", DAY, end).channels["u"], expected)
    between = SampleBlock("cn-keep", "ec", to_ns(DAY) + 50 * DT, DT, CHANNELS, np.full((4, 100), 3, np.float32))
    tower.messages.commit([between], [])
    expected = np.repeat([1.0, 3.0, 2.0, 1.0], [50, 50, 50, 150])
    assert np.array_equal(tower.samples.read("cn-keep", "ec", DAY, end).channels["u"], expected)


def test_samples_that_two_blocks_claim_are_contested_however_they_are_stored(tower: Store) -> None:
    """Of 300 samples 50 are claimed twice with other values, 100 with the same ones, and one by a clock that drifts."""

    def block(first: int, n: int, value: float) -> SampleBlock:
        return SampleBlock("cn-keep", "ec", to_ns(DAY) + first * DT, DT, CHANNELS, np.full((4, n), value, np.float32))

    for one in (block(0, 300, 1), block(100, 50, 2), block(180, 100, 1), block(299, 20, 3)):
        tower.messages.commit([one], [])
    end = DAY + 319 * timedelta(microseconds=DT // 1000)
    expected = np.concatenate([np.repeat([1, np.nan, 1], [100, 50, 149]), np.full(20, 3.0)])
    for _ in range(2):
        samples, contested = tower.samples.read_uncontested("cn-keep", "ec", DAY, end)
        np.testing.assert_array_equal(samples.channels["u"], expected)
        assert contested == 50
        assert np.isfinite(tower.samples.read("cn-keep", "ec", DAY, end).channels["u"]).all()
        tower.compaction.compact(AFTER)


def test_a_day_that_is_not_over_stays_in_rows(tower: Store) -> None:
    tower.messages.commit(cut(make_samples(300), [100]), [])
    assert tower.compaction.compact(DAY + timedelta(hours=23)).half_hours == 0
    assert tower.compaction.count(DAY + timedelta(hours=24)).samples == 300
    assert count(tower, "sample_block") == 3


def test_a_row_that_cannot_be_compacted_stays_and_the_others_go(tower: Store) -> None:
    tower.messages.commit(cut(make_samples(54_000), [100]), [])
    with psycopg.connect(tower.dsn, autocommit=True) as connection:
        connection.execute("UPDATE sample_block SET c2[3] = NULL WHERE time = %s", (DAY + HALF,))
    done = tower.compaction.compact(AFTER)
    assert (done.half_hours, done.left, done.chunks) == (2, 1, 0)
    assert (count(tower, "sample_block"), count(tower, "sample_blob")) == (180, 2)
    assert tower.compaction.count(AFTER).half_hours == 1


def test_a_damaged_blob_is_an_error_that_names_the_half_hour(tower: Store) -> None:
    tower.messages.commit(cut(make_samples(300), [100]), [])
    tower.compaction.compact(AFTER)
    with psycopg.connect(tower.dsn, autocommit=True) as connection:
        connection.execute("UPDATE sample_blob SET samples = set_byte(samples, 20, get_byte(samples, 20) # 1)")
    with pytest.raises(StoreError, match=r"2025-07-01 00:00Z cannot be read: .*checksum.*backup"):
        tower.samples.read("cn-keep", "ec", DAY, DAY + HALF)


def test_a_blob_of_a_newer_version_is_refused(tower: Store) -> None:
    tower.messages.commit(cut(make_samples(300), [100]), [])
    tower.compaction.compact(AFTER)
    with psycopg.connect(tower.dsn, autocommit=True) as connection:
        connection.execute("UPDATE sample_blob SET codec = 99")
    with pytest.raises(StoreError, match="codec 99"):
        tower.samples.read("cn-keep", "ec", DAY, DAY + HALF)


def test_arrays_read_the_same_where_only_a_superuser_could_copy_their_bytes(tower: Store) -> None:
    tower.messages.commit(cut(make_samples(2_000), [100, 1, 7]), [])
    copied = all_blocks(tower)
    with psycopg.connect(tower.dsn, autocommit=True) as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION array_bytes(real[]) RETURNS bytea LANGUAGE sql STABLE STRICT "
            "AS 'SELECT array_send($1)'"
        )
    assert all_blocks(tower).equals(copied)


@pytest.mark.parametrize("moment", ["before the blob is written", "before the rows are deleted", "before the drop"])
def test_kill_9_amid_a_compaction_leaves_all_samples(tower: Store, moment: str) -> None:
    blocks = cut(make_samples(36_000), [100])
    tower.messages.commit(blocks, [])
    stored = all_blocks(tower)
    (chunk,) = query(tower, "SELECT show_chunks('sample_block')::text")[0]
    hold = {
        "before the blob is written": "SELECT pg_advisory_xact_lock_shared(hashtext('fluxtower old samples'))",
        "before the rows are deleted": f"SELECT 1 FROM {chunk} WHERE time >= '{DAY + HALF}' FOR SHARE",
        "before the drop": f"LOCK TABLE {chunk} IN ACCESS SHARE MODE",
    }[moment]
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    with psycopg.connect(tower.dsn) as holder:
        holder.execute(hold)
        process = subprocess.Popen([sys.executable, "-c", COMPACT, tower.dsn, AFTER.isoformat()], cwd=ROOT)
        try:
            wait_for(lambda: query(tower, waiting) != [(0,)])
        finally:
            process.kill()
            process.wait()
    wait_for(lambda: query(tower, waiting) == [(0,)])
    assert all_blocks(tower).equals(stored)
    expected = {
        "before the blob is written": (360, 0),
        "before the rows are deleted": (180, 1),
        "before the drop": (0, 2),
    }
    assert (count(tower, "sample_block"), count(tower, "sample_blob")) == expected[moment]
    tower.compaction.compact(AFTER)
    assert all_blocks(tower).equals(stored)
    assert (count(tower, "sample_block"), count(tower, "sample_blob")) == (0, 2)
    assert tower.messages.commit(blocks, []).blocks == 0


def test_commits_readers_and_two_runs_at_once_lose_and_double_nothing(tower: Store) -> None:
    blocks = cut(make_samples(72_000), [100])
    late, early = blocks[::7], [block for i, block in enumerate(blocks) if i % 7]
    tower.messages.commit(early, [])
    known = {(block.start_ns // 1000, block.seq) for block in early}
    stop, errors, new = threading.Event(), [], []

    def commit() -> None:
        with Store(tower.dsn) as store:
            for i in range(0, len(late), 5):
                new.append(store.messages.commit([*late[i : i + 5], *early[i : i + 40]], []).blocks)

    def read() -> None:
        with Store(tower.dsn) as store:
            while not stop.is_set():
                found = all_blocks(store)
                there = set(zip(found.start_us.tolist(), found.head[3].tolist(), strict=True))
                if not known <= there:
                    errors.append(len(known - there))

    def run() -> None:
        with Store(tower.dsn) as store:
            for _ in range(3):
                store.compaction.compact(AFTER)

    with ThreadPoolExecutor(4) as threads:
        reader, *workers = [threads.submit(one) for one in (read, commit, run, run)]
        wait(workers)
        stop.set()
    for one in (reader, *workers):
        one.result()
    tower.compaction.compact(AFTER)
    assert errors == []
    assert sum(new) == len(late)
    found = all_blocks(tower)
    assert found.head[3].tolist() == [block.seq for block in blocks]
    assert np.array_equal(
        found.samples.view(np.uint32), np.concatenate([b.samples for b in blocks], axis=1).view(np.uint32)
    )
    assert query(tower, "SELECT sum(samples) FROM interval_state") == [(72_000,)]
    assert count(tower, "sample_block") == 0


def compute(tower: Store, hours: int) -> None:
    for i in range(2 * hours):
        start = DAY + i * HALF
        revision = tower.intervals.read_pending_revision("cn-keep", start)
        if revision is not None:
            record = FluxRecord("cn-keep", start, start + HALF, {"FC": 1.0})
            tower.fluxes.put(record, config_sha256="x", code_version="1", revision=revision)


@pytest.mark.parametrize("compacted", [False, True])
def test_samples_are_dropped_only_when_they_are_computed(tower: Store, compacted: bool) -> None:
    blocks = cut(make_samples(36_000), [100])
    tower.messages.commit(blocks, [])
    if compacted:
        tower.compaction.compact(AFTER)
    table, later = ("sample_blob" if compacted else "sample_block"), DAY + timedelta(days=20)
    kept = tower.retention.drop("samples", later)
    assert (kept.chunks, kept.waiting) == (0, 1)
    compute(tower, 1)
    would = tower.retention.drop("samples", later, dry_run=True)
    assert would.chunks == 1
    assert would.size > 0
    assert count(tower, table) > 0
    assert tower.retention.drop("samples", DAY + timedelta(hours=12)).chunks == 0
    assert tower.retention.drop("samples", later) == would
    assert tower.samples.read_span("cn-keep", "ec") is None
    assert query(tower, f"SELECT count(*) FROM show_chunks('{table}')") == [(0,)]
    minutes = tower.minutes.read("cn-keep", "ec", DAY, AFTER)
    assert len(minutes) == 60 * len(CHANNELS)
    assert tower.messages.commit(blocks, []).duplicate_blocks == len(blocks)
    assert tower.minutes.read("cn-keep", "ec", DAY, AFTER).equals(minutes)
    assert tower.messages.commit(cut(make_samples(300), [100], start=DAY + 2 * HALF), []).blocks == 3


def test_a_reading_that_comes_after_retention_changes_no_result(tower: Store) -> None:
    def late(minute: int) -> None:
        tower.messages.commit([], [Reading("cn-keep", "met", to_ns(DAY + timedelta(minutes=minute)), {"TA": 20.0})])

    def failures() -> list[tuple]:
        return query(tower, "SELECT failure FROM interval_state ORDER BY time")

    tower.messages.commit(cut(make_samples(36_000), [100]), [])
    compute(tower, 1)
    late(1)
    assert [one.start for one in tower.intervals.find_due(datetime.now(UTC), 10)] == [DAY]  # its samples are there
    compute(tower, 1)
    assert tower.retention.drop("samples", AFTER).chunks == 1
    assert failures() == [(None,), (None,)]
    results = tower.fluxes.read("cn-keep", DAY, AFTER)
    for minute in (2, 3):
        late(minute)
        assert tower.intervals.find_due(datetime.now(UTC), 10) == []
        assert tower.intervals.read_pending_revision("cn-keep", DAY) is None
        assert tower.health().intervals_waiting == 0
        assert failures() == [
            ("data came after retention had dropped its samples: the result before them stays",),
            (None,),
        ]
    assert tower.fluxes.read("cn-keep", DAY, AFTER).equals(results)
    assert count(tower, "reading") == 3
    assert tower.retention.drop("readings", DAY + timedelta(days=60)).waiting == 0


def test_a_reading_that_comes_while_samples_are_dropped_changes_no_result(tower: Store) -> None:
    """After retention has looked for intervals that wait, and before it is done."""
    tower.messages.commit(cut(make_samples(18_000), [100]), [])
    compute(tower, 1)
    with ThreadPoolExecutor(1) as threads, psycopg.connect(tower.dsn) as holder:
        holder.execute("LOCK TABLE sample_dropped IN SHARE MODE")
        dropping = threads.submit(tower.retention.drop, "samples", AFTER)
        wait_for(lambda: query(tower, "SELECT count(*) FROM pg_locks WHERE NOT granted") != [(0,)])
        tower.messages.commit([], [Reading("cn-keep", "met", to_ns(DAY), {"TA": 20.0})])
        assert tower.intervals.read_pending_revision("cn-keep", DAY) is not None
        holder.rollback()
        assert dropping.result().chunks == 1
    assert tower.intervals.find_due(datetime.now(UTC), 10) == []
    assert query(tower, "SELECT failure IS NOT NULL, dropped FROM interval_state") == [(True, True)]


def test_what_was_dropped_before_the_database_was_brought_up_to_date_is_not_due(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with earlier_store(settings, monkeypatch, 14) as store:
        with psycopg.connect(store.dsn) as connection:
            connection.execute(
                """INSERT INTO station (id) VALUES ('cn-keep');
                INSERT INTO sample_dropped SELECT key, 1, '{[2025-07-01 00:00Z, 2025-07-01 01:00Z)}' FROM station;
                INSERT INTO interval_state (station, time, ends, lateness, expected, samples, revision, computed)
                SELECT key, t, t + interval '30 minutes', '0', 9, n, 2, c FROM station, (VALUES
                    ('2025-07-01 00:00Z'::timestamptz, 9, 2), ('2025-07-01 00:30Z', 9, 1), ('2025-07-01 01:00Z', 9, 1),
                    ('2025-07-01 00:15Z', 0, NULL)) AS v (t, n, c)"""
            )
        store.migrate()
        found = query(store, "SELECT time, dropped, computed, failure IS NULL FROM interval_state ORDER BY time")
        assert found == [
            (DAY, True, 2, True),
            (DAY + HALF / 2, False, None, True),
            (DAY + HALF, True, 2, False),
            (DAY + 2 * HALF, False, 1, True),
        ]


def test_housekeeping_does_not_hold_what_it_deletes(tower: Store) -> None:
    """An open snapshot would keep the room of deleted rows from being used again."""
    with tower._database.alone("housekeeping") as alone:
        assert alone
        open_snapshots = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND {}"
        ours = "datname = current_database()"
        assert query(tower, open_snapshots.format(ours)) == [(1,)]
        assert query(tower, open_snapshots.format(f"{ours} AND backend_xmin IS NOT NULL")) == [(0,)]


def test_minutes_and_readings_are_dropped_by_their_own_ages(tower: Store) -> None:
    tower.messages.commit(cut(make_samples(300), [100]), [Reading("cn-keep", "met", to_ns(DAY), {"TA": 20.0})])
    later = DAY + timedelta(days=60)
    assert tower.retention.drop("readings", later).waiting == 1
    assert tower.retention.drop("minutes", later).chunks == 1
    compute(tower, 1)
    assert tower.retention.drop("readings", later).chunks == 1
    assert (count(tower, "minute"), count(tower, "reading"), count(tower, "sample_block")) == (0, 0, 3)


def test_old_rejects_are_deleted(tower: Store) -> None:
    tower.messages.commit([], [], [Reject("a/b", b"x", "why"), Reject("a/c", b"y", "why")])
    with psycopg.connect(tower.dsn, autocommit=True) as connection:
        connection.execute("UPDATE reject SET received = %s WHERE topic = 'a/b'", (DAY,))
    assert tower.retention.drop("rejects", AFTER, dry_run=True).rows == 1
    assert tower.retention.drop("rejects", AFTER).rows == 1
    assert [row.topic for row in tower.rejects.find()] == ["a/c"]


def test_minute_means_of_a_day(tower: Store) -> None:
    samples = make_samples(1_800)
    tower.messages.commit(cut(samples, [100]), [])
    times, means = tower.minutes.read_means("cn-keep", "ec", "v", DAY, AFTER)
    assert times.tolist() == [(DAY + timedelta(minutes=i)).replace(tzinfo=None) for i in range(3)]
    pieces = samples[1].astype(np.float64).reshape(3, 600)
    assert means == pytest.approx([piece[np.isfinite(piece)].mean() for piece in pieces])
    assert tower.minutes.read_means("cn-keep", "ec", "v", AFTER, AFTER)[1].shape == (0,)


def test_minute_means_count_the_parts_that_are_not_yet_merged(tower: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = make_samples(1_800)
    blocks = cut(samples, [100])
    tower.messages.commit(blocks[::2], [])
    monkeypatch.setattr(messages, "MANY_STREAMS", 1)
    tower.messages.commit(blocks[1::2], [])
    assert count(tower, "minute_part") > 0
    open_means = tower.minutes.read_means("cn-keep", "ec", "v", DAY, AFTER)[1]
    assert tower.retention.drop("samples", AFTER).waiting == 1
    tower.minutes.merge_parts(AFTER)
    assert count(tower, "minute_part") == 0
    assert tower.minutes.read_means("cn-keep", "ec", "v", DAY, AFTER)[1] == pytest.approx(open_means)
    pieces = samples[1].astype(np.float64).reshape(3, 600)
    assert open_means == pytest.approx([piece[np.isfinite(piece)].mean() for piece in pieces])
