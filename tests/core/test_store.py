"""The store on a real TimescaleDB."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import orjson
import polars as pl
import psycopg
import pytest

from core.clock import NS, from_ns, to_ns
from core.errors import ConfigError, StoreError, StoreUnavailable, UnknownStation
from core.records import FluxRecord, Reading, Reject, SampleBlock
from core.store import FlagRows, ReadingNotices, Store
from core.store.queries import COMMUNITY, GRAFANA, migrations, named, statements
from core.variables import FLUX_COLUMNS, TRACE_COLUMNS, WEATHER_COLUMNS
from tests.waiting import PATIENCE

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parent.parent.parent
START = datetime(2026, 7, 1, tzinfo=UTC)
START_NS = to_ns(START)
CHANNELS = ("u", "v", "w", "ts")
STATION = """
[station]
id = "{id}"
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
rate = 20
channels = [
    {{ name = "u", variable = "U", unit = "m s-1" }},
    {{ name = "v", variable = "V", unit = "m s-1" }},
    {{ name = "w", variable = "W", unit = "m s-1" }},
    {{ name = "ts", variable = "T_SONIC", unit = "deg C" }},
]
[[stream]]
name = "met"
kind = "reading"
interval = 60
channels = [{{ name = "TA", variable = "TA", unit = "deg C" }}, {{ name = "RH", variable = "RH", unit = "%" }}]
[flux]
stream = "ec"
meteorology = "met"
averaging_minutes = 30
lateness_seconds = 60
"""


@pytest.fixture
def tower(store: Store) -> Store:
    store.stations.put(STATION.format(id="cn-test"), "cn-test.toml")
    return store


def blocks(samples: np.ndarray, n: int = 200, start_ns: int = START_NS) -> list[SampleBlock]:
    dt = NS // 20
    return [
        SampleBlock("cn-test", "ec", start_ns + i * dt, dt, CHANNELS, samples[:, i : i + n], seq=i // n)
        for i in range(0, samples.shape[1], n)
    ]


def random_samples(n: int) -> np.ndarray:
    samples = np.random.default_rng(7).normal(20, 5, size=(len(CHANNELS), n)).astype(np.float32)
    samples[1, 3:9] = np.nan
    return samples


def test_samples_come_back_bit_for_bit(tower: Store) -> None:
    samples = random_samples(36000)
    committed = tower.messages.commit(blocks(samples), [])
    assert (committed.blocks, committed.samples) == (180, 36000)
    back = tower.samples.read("cn-test", "ec", START, START + timedelta(minutes=30))
    assert list(back.channels) == list(CHANNELS)
    assert np.array_equal(np.array([*back.channels.values()], dtype=np.float32), samples, equal_nan=True)


def test_a_window_that_starts_inside_a_block_gets_its_part(tower: Store) -> None:
    samples = random_samples(1000)
    tower.messages.commit(blocks(samples), [])
    back = tower.samples.read("cn-test", "ec", START + timedelta(seconds=5), START + timedelta(seconds=60))
    assert back.n == 1100
    assert np.array_equal(back.channels["ts"][:900].astype(np.float32), samples[3, 100:])
    assert np.isnan(back.channels["ts"][900:]).all()


def test_duplicates_are_ignored_and_counted_whatever_comes_with_them(tower: Store) -> None:
    samples = random_samples(2000)
    first, second = blocks(samples)[:6], blocks(samples)[4:]
    reading = Reading("cn-test", "met", START_NS, {"TA": 20.5, "RH": float("nan")})
    tower.messages.commit(first, [reading])
    committed = tower.messages.commit([*second, second[-1]], [reading, reading])
    assert (committed.blocks, committed.duplicate_blocks) == (4, 3)
    assert (committed.readings, committed.duplicate_readings) == (0, 2)
    minute = tower.minutes.read("cn-test", "ec", START, START + timedelta(minutes=2)).filter(pl.col("channel") == "ts")
    assert minute["n"].to_list() == [1200, 800]


def test_a_refused_reading_undoes_the_blocks_of_its_batch(tower: Store) -> None:
    beyond_real = Reading("cn-test", "met", START_NS, {"TA": 1e-300, "RH": 50.0})
    with pytest.raises(StoreError, match="out of range"):
        tower.messages.commit(blocks(random_samples(200)), [beyond_real])
    assert tower.samples.read_span("cn-test", "ec") is None
    assert tower.messages.commit(blocks(random_samples(200)), []).blocks == 1


def test_minutes_equal_plain_statistics_of_the_samples(tower: Store) -> None:
    samples = random_samples(2400)
    for block in blocks(samples, n=70):  # blocks that straddle the minutes, each in a commit of its own
        tower.messages.commit([block], [])
    rows = tower.minutes.read("cn-test", "ec", START, START + timedelta(minutes=2))
    for minute in range(2):
        for i, channel in enumerate(CHANNELS):
            row = rows.filter((pl.col("channel") == channel) & (pl.col("time") == START + timedelta(minutes=minute)))
            piece = samples[i, minute * 1200 : (minute + 1) * 1200].astype(np.float64)
            assert row["n"].item() == np.isfinite(piece).sum()
            assert row["mean"].item() == pytest.approx(np.nanmean(piece), rel=1e-12)
            assert row["sd"].item() == pytest.approx(np.nanstd(piece), rel=1e-9)
            assert np.float32(row["min"].item()) == np.nanmin(samples[i, minute * 1200 : (minute + 1) * 1200])
            assert np.float32(row["max"].item()) == np.nanmax(samples[i, minute * 1200 : (minute + 1) * 1200])


def test_a_minute_without_a_valid_sample_has_n_zero(tower: Store) -> None:
    samples = random_samples(200)
    samples[2] = np.nan
    tower.messages.commit(blocks(samples), [])
    row = tower.minutes.read("cn-test", "ec", START, START + timedelta(minutes=1)).filter(pl.col("channel") == "w")
    assert row["n"].item() == 0
    assert np.isnan(row["mean"].item())


def test_an_interval_is_due_when_complete_or_when_its_allowance_is_over(tower: Store) -> None:
    now = datetime.now(UTC)
    samples = random_samples(36000)
    all_blocks = blocks(samples)
    tower.messages.commit(all_blocks[:-1], [])
    assert tower.intervals.find_due(now, 10) == []
    assert [due.start for due in tower.intervals.find_due(now + timedelta(seconds=90), 10)] == [START]
    tower.messages.commit(all_blocks[-1:], [])
    (due,) = tower.intervals.find_due(now, 10)
    record = FluxRecord("cn-test", START, START + timedelta(minutes=30), {"FC": -3.0})
    tower.fluxes.put(record, config_sha256="x", code_version="1", revision=due.revision)
    assert tower.intervals.find_due(now + timedelta(days=1), 10) == []
    assert tower.intervals.read_pending_revision("cn-test", START) is None
    tower.messages.commit([], [Reading("cn-test", "met", START_NS + 60 * NS, {"TA": 20.0, "RH": 50.0})])
    assert [again.revision for again in tower.intervals.find_due(now, 10)] == [due.revision + 1]


def test_a_block_over_a_border_counts_for_both_intervals(tower: Store) -> None:
    start_ns = START_NS + 1800 * NS - 50 * NS // 20
    tower.messages.commit(blocks(random_samples(200), start_ns=start_ns), [])
    with psycopg.connect(tower.dsn) as connection:
        rows = connection.execute("SELECT time, samples, expected FROM interval_state ORDER BY time").fetchall()
    assert rows == [(START, 50, 36000), (START + timedelta(minutes=30), 150, 36000)]


def test_recomputing_keeps_the_old_result_in_the_history(tower: Store) -> None:
    for revision, fc in ((1, -3.0), (2, -4.0), (1, -5.0)):
        record = FluxRecord(
            "cn-test", START, START + timedelta(minutes=30), {"FC": fc, "H": np.nan}, {"H": "no Ts"}, {"lag": 2}
        )
        tower.fluxes.put(record, config_sha256="x", code_version="1", revision=revision)
    fluxes = tower.fluxes.read("cn-test", START, START + timedelta(hours=1))
    assert fluxes["FC"].to_list() == [-4.0]  # a result of older data does not replace a newer one
    assert fluxes["H"].to_list() == [None]
    assert fluxes["reasons"].to_list() == ['{"H":"no Ts"}']
    with psycopg.connect(tower.dsn) as connection:
        assert connection.execute("SELECT fc FROM flux_history").fetchall() == [(-3.0,)]


def test_trace_gases_and_further_scalars_are_kept(tower: Store) -> None:
    first = {"FC": -3.0, "FCH4": 12.5, "SCH4": np.nan, "FO3": -4.5, "SO3": np.nan}
    record = FluxRecord("cn-test", START, START + timedelta(minutes=30), first, {"SCH4": "not yet", "SO3": "not yet"})
    tower.fluxes.put(record, config_sha256="x", code_version="1", revision=1)
    tower.fluxes.put_storage(replace(record, values={**first, "SC": 0.5, "SCH4": 0.25, "SO3": 0.75}, reasons={}))
    later = FluxRecord("cn-test", record.end, record.end + timedelta(minutes=30), {"FC": 1.0})
    tower.fluxes.put(later, config_sha256="x", code_version="1", revision=1)
    table = tower.fluxes.read("cn-test", START, START + timedelta(hours=1))
    extra = [name for name in table.columns if name.isupper() and name not in FLUX_COLUMNS]
    assert extra == ["FCH4", "SCH4", "FO3", "SO3"]
    assert table.select(extra).rows() == [(12.5, 0.25, -4.5, 0.75), (None, None, None, None)]
    back, plain = tower.fluxes.read_records("cn-test", START, START + timedelta(hours=1))
    assert {name: back.values[name] for name in (*extra, "SC")} == {
        "FCH4": 12.5,
        "SCH4": 0.25,
        "FO3": -4.5,
        "SO3": 0.75,
        "SC": 0.5,
    }
    assert set(plain.values) == set(FLUX_COLUMNS)
    tower.fluxes.put(replace(record, values={"FO3": -5.0}), config_sha256="x", code_version="2", revision=2)
    with psycopg.connect(tower.dsn) as connection:
        assert connection.execute("SELECT fch4, scalars FROM flux_history").fetchall() == [
            (12.5, {"FO3": -4.5, "SO3": 0.75})
        ]
        assert connection.execute("SELECT scalars->>'FO3' FROM v_flux ORDER BY time").fetchall() == [("-5.0",), (None,)]


def test_the_flux_table_has_the_columns_of_the_variables_table(store: Store) -> None:
    with psycopg.connect(store.dsn) as connection:
        tables = [
            {column.name for column in connection.execute(f"SELECT * FROM {table} LIMIT 0").description or ()}
            for table in ("flux", "flux_history", "v_flux")
        ]
    others = {"time", "ends", "station", "reasons", "diagnostics", "config_sha256", "code_version", "computed"}
    others |= {"scalars"}
    expected = {name.lower() for name in (*FLUX_COLUMNS, *TRACE_COLUMNS, *WEATHER_COLUMNS)} | others
    assert tables == [expected | {"revision"}, expected | {"revision", "replaced"}, expected]


def test_a_run_is_stale_only_when_fluxes_are_newer(tower: Store) -> None:
    assert tower.attempts.find_due(0) == []
    put_flux(tower, 0)
    assert tower.attempts.find_due(0) == []  # a single half-hour is no season
    put_flux(tower, 1)
    assert tower.attempts.find_due(0) == ["cn-test"]
    put_run(tower)
    assert tower.attempts.find_due(0) == []


def put_flux(tower: Store, i: int) -> None:
    start = START + i * timedelta(minutes=30)
    record = FluxRecord("cn-test", start, start + timedelta(minutes=30), {"FC": -3.0})
    tower.fluxes.put(record, config_sha256="x", code_version="1", revision=1)


def put_run(tower: Store) -> None:
    product = pl.DataFrame({"start": [START], "NEE_F": [-3.0]})
    started = datetime.now(UTC)
    tower.runs.put("cn-test", config_sha256="x", code_version="1", methods={}, started=started, product=product)


def test_a_run_waits_for_the_end_of_imports_and_is_made_then(tower: Store) -> None:
    day = 86_400
    put_flux(tower, 0)
    put_run(tower)
    with Store(tower.dsn) as importer:
        with importer.attempts.importing("cn-test"):
            for i in (1, 2):
                put_flux(tower, i)
                assert tower.attempts.find_due(0) == []
                assert not tower.attempts.begin("cn-test", 0)
            with tower.attempts.importing("cn-test"):  # another one at the same time
                assert tower.attempts.find_due(0) == []
            assert tower.attempts.find_due(0) == []
        assert tower.attempts.find_due(day) == ["cn-test"]  # though the run is young
        put_run(tower)
        assert tower.attempts.find_due(day) == []
        with suppress(RuntimeError), importer.attempts.importing("cn-test"):
            put_flux(tower, 3)
            raise RuntimeError
    assert tower.attempts.find_due(day) == ["cn-test"]
    with pytest.raises(UnknownStation), tower.attempts.importing("nobody"):
        pass


def test_a_run_waits_for_half_hours_that_are_due(tower: Store) -> None:
    for i in range(2):
        put_flux(tower, i)
    tower.messages.commit(blocks(random_samples(36000), start_ns=START_NS + 7200 * NS), [])
    (due,) = tower.intervals.find_due(datetime.now(UTC), 10)
    assert tower.attempts.find_due(0) == []
    tower.intervals.fail("cn-test", due.start, due.revision, "why")
    assert tower.attempts.find_due(0) == ["cn-test"]


def test_a_new_configuration_is_appended_and_the_same_is_not(tower: Store) -> None:
    text = STATION.format(id="cn-test")
    first = tower.stations.put(text, "a.toml")
    assert tower.stations.put(text, "a.toml").valid_from == first.valid_from
    changed = tower.stations.put(text.replace("height = 30", "height = 31"), "a.toml")
    assert changed.config_sha256 != first.config_sha256
    assert changed.station.sonic is not None
    assert changed.station.sonic.height == 31
    with psycopg.connect(tower.dsn) as connection:
        assert connection.execute("SELECT count(*) FROM station_config").fetchone() == (2,)


def test_a_layout_that_changed_keeps_old_samples_readable(tower: Store) -> None:
    samples = random_samples(400)
    tower.messages.commit(blocks(samples[:, :200]), [])
    swapped = STATION.format(id="cn-test").replace('"u", variable = "U"', '"x", variable = "U"')
    tower.stations.put(swapped, "a.toml")
    dt = NS // 20
    renamed = SampleBlock("cn-test", "ec", START_NS + 200 * dt, dt, ("x", "v", "w", "ts"), samples[:, 200:])
    assert tower.messages.commit([renamed], []).blocks == 1
    back = tower.samples.read("cn-test", "ec", START, START + timedelta(seconds=20))
    assert np.array_equal(back.channels["ts"].astype(np.float32), samples[3])
    assert np.isnan(back.channels["x"][:200]).all()
    assert np.array_equal(back.channels["x"][200:].astype(np.float32), samples[0, 200:])


def test_what_is_not_registered_is_refused(tower: Store) -> None:
    with pytest.raises(UnknownStation, match="nowhere"):
        tower.messages.commit([], [Reading("nowhere", "met", START_NS, {"TA": 1.0, "RH": 1.0})])
    with pytest.raises(StoreError, match="no reading stream"):
        tower.messages.commit([], [Reading("cn-test", "met", START_NS, {"TA": 1.0})])
    with pytest.raises(UnknownStation):
        tower.fluxes.read("nowhere", START, START)
    with pytest.raises(ConfigError, match=r"bad.toml: line \d+: sonic.height"):
        tower.stations.put(STATION.format(id="x").replace("height = 30", "height = -3"), "bad.toml")


def test_the_newest_fit_of_a_kind_is_in_force(tower: Store) -> None:
    period = (START, START + timedelta(days=30))
    for kind, data in (("planes", [{"b0": 0.1}]), ("planes", [{"b0": 0.2}]), ("lags", {"co2": []})):
        newest = tower.fits.put("cn-test", kind, data, period=period, config_sha256="x", code_version="1")
    fits = tower.fits.read_newest("cn-test")
    assert {kind: fit.data for kind, fit in fits.items()} == {"planes": [{"b0": 0.2}], "lags": {"co2": []}}
    assert fits["lags"].id == newest
    assert (fits["lags"].period_start, fits["lags"].period_end) == period


def test_rejects_keep_their_bytes(tower: Store) -> None:
    tower.messages.commit([], [], [Reject("a/b", b"\x00\xff", "not CBOR", "cn-test")])
    (row,) = tower.rejects.find()
    assert (row.topic, row.reason, row.size) == ("a/b", "not CBOR", 2)


def test_latest_is_the_newest_in_time_not_the_last_to_come(tower: Store) -> None:
    for second in (60, 0):
        tower.messages.commit(
            [], [Reading("cn-test", "met", START_NS + second * NS, {"TA": float(second), "RH": 50.0})]
        )
    (latest,) = tower.latest.read("cn-test")
    assert latest.time == from_ns(START_NS + 60 * NS)
    assert latest.values == {"TA": 60.0, "RH": 50.0}


def test_values_time_and_arrival_of_the_newest_are_those_of_one_message(tower: Store) -> None:
    tower.messages.commit([], [Reading("cn-test", "met", START_NS + 60 * NS, {"TA": 1.0, "RH": 2.0})])
    with psycopg.connect(tower.dsn) as connection:
        connection.execute("UPDATE latest SET received = received - interval '1 hour'")
    (before,) = tower.latest.read("cn-test")
    tower.messages.commit([], [Reading("cn-test", "met", START_NS, {"TA": 3.0, "RH": 4.0})])  # late
    assert tower.latest.read("cn-test") == [before]
    tower.messages.commit([], [Reading("cn-test", "met", START_NS + 120 * NS, {"TA": 5.0, "RH": 6.0})])
    (after,) = tower.latest.read("cn-test")
    assert after.values == {"TA": 5.0, "RH": 6.0}
    assert after.received - before.received >= timedelta(hours=1)


def test_a_message_without_any_value_is_not_the_newest(tower: Store) -> None:
    whole = random_samples(20)
    half = whole.copy()
    half[:, 12:] = np.nan
    none = np.full_like(whole, np.nan)
    for i, samples in enumerate((whole, half, none)):
        tower.messages.commit(blocks(samples, n=20, start_ns=START_NS + i * NS), [])
    nothing = Reading("cn-test", "met", START_NS, {"TA": math.nan, "RH": math.nan})
    tower.messages.commit([], [nothing])
    (latest,) = tower.latest.read("cn-test")
    assert latest.stream == "ec"
    assert latest.time == START + timedelta(seconds=1 + 11 / 20)  # the last sample of the second block with a value
    assert list(latest.values.values()) == pytest.approx(whole[:, 11].tolist(), rel=1e-6)
    tower.messages.commit([], [Reading("cn-test", "met", START_NS + NS, {"TA": math.nan, "RH": 5.0})])
    assert [one.stream for one in tower.latest.read("cn-test")] == ["ec", "met"]


def test_flags_stand_beside_readings(tower: Store) -> None:
    tower.messages.commit([], [Reading("cn-test", "met", START_NS, {"TA": 20.0, "RH": 150.0})])
    with tower.judgements.working() as work:
        (new,) = work.find_new(START, 10)
        assert (new.time_ns, new.values, new.found) == (START_NS, [20.0, 150.0], False)
        said = {"RH": ["range: 150 % is above 100"]}
        keys = np.array([new.station], np.int32), np.array([new.stream], np.int32)
        times = np.array([new.time_ns]), np.array([new.received_ns])
        work.put([FlagRows(*keys, *times, np.array([[1, 4]], np.int16), [said])])
        assert work.find_new(START, 10) == []
    row = tower.readings.read("cn-test", "met", START, START + timedelta(hours=1)).row(0, named=True)
    assert row["flags"] == [1, 4]
    assert orjson.loads(row["reasons"]) == said
    (latest,) = tower.latest.read("cn-test")
    assert (latest.flags, latest.reasons) == ({"TA": 1, "RH": 4}, said)
    tower.messages.commit([], [Reading("cn-test", "met", START_NS + 60 * NS, {"TA": 20.0, "RH": 50.0})])
    (latest,) = tower.latest.read("cn-test")
    assert (latest.flags, latest.reasons) == ({}, {})  # those of another value


def test_a_commit_of_readings_is_told_at_once(tower: Store) -> None:
    with ReadingNotices(tower.dsn) as notices:
        assert not notices.wait(0.0)
        tower.messages.commit([], [Reading("cn-test", "met", START_NS, {"TA": 20.0, "RH": 50.0})])
        assert notices.wait(PATIENCE)
        tower.messages.commit(blocks(random_samples(20), n=20), [])  # samples wake nobody
        assert not notices.wait(0.3)


def test_migrating_again_changes_nothing(store: Store) -> None:
    assert store.migrate() == []
    assert store.health().edition in ("apache", "community")


def test_a_changed_migration_is_an_error(store: Store) -> None:
    with psycopg.connect(store.dsn, autocommit=True) as connection:
        connection.execute("UPDATE schema_migration SET sha256 = 'other' WHERE name = %s", (migrations()[0][0],))
    with pytest.raises(StoreError, match="changed after it was applied"):
        store.migrate()


def test_a_server_that_is_away_is_unavailable() -> None:
    with Store("postgresql://x@127.0.0.1:1/x") as store, pytest.raises(StoreUnavailable):
        store.wait(0.1)


def test_every_statement_is_used_by_the_module_of_its_part() -> None:
    folder = ROOT / "core" / "store"
    files = [path for path in (folder / "sql").glob("*.sql") if path.name not in (COMMUNITY, GRAFANA)]
    assert len(files) > 10
    for file in files:
        code = (folder / f"{file.stem}.py").read_text(encoding="utf-8")
        assert [name for name in named(file.name) if f'"{name}"' not in code] == [], file.name
    assert sum(len(named(file.name)) for file in files) == len(statements())


def test_a_name_in_two_files_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.store.queries.GRAFANA", "none.sql")  # its names are its own: `latest` is one, too
    statements.cache_clear()
    with pytest.raises(ValueError, match=r"latest\.sql: latest: another file has a statement of that name"):
        statements()
    monkeypatch.undo()
    assert "SELECT" in statements()["stations"]


def test_a_database_that_dies_while_stations_are_read_is_asked_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by benchmarks/faults.py: stations were known without their streams, and their blocks refused for ever."""
    store.stations.put(STATION.format(id="cn-test"), "cn-test.toml")
    with monkeypatch.context() as patched:
        patched.setattr(store.stations, "read_streams", _dies)
        with pytest.raises(StoreUnavailable):
            store.catalogue.refresh()
    assert store.catalogue.refresh() == {"cn-test"}
    assert store.catalogue.layout("cn-test", "ec", "block", CHANNELS).channels == CHANNELS


def _dies(*_: object) -> list[object]:
    raise StoreUnavailable("killed")
