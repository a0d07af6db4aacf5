"""The worker on a real database: what is due is computed once, again after late data, whoever dies."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import psycopg
import pytest
from scipy.signal import lfilter

from core.clock import NS, from_ns, to_ns
from core.errors import ProcessingError
from core.records import FluxRecord, Reading, SampleBlock
from core.settings import Settings
from core.station import Station
from core.store import Correction, Store
from fluxcalc import worker
from fluxcalc.halfhour import steps
from fluxcalc.halfhour.fits import read_fits
from fluxcalc.halfhour.flux.meteorology import mean_meteorology, weather
from fluxcalc.halfhour.flux.profile import profile_storage
from fluxcalc.halfhour.lag.lag_fit import MIN_LAGS
from fluxcalc.halfhour.spectral.cutoff_fit import MIN_INTERVALS
from ingest.collector.conform import conform
from ingest.simulation.tower import Tower, records
from qc.corrections import correct
from tests.waiting import PATIENCE, SOON, wait_for

pytestmark = pytest.mark.integration

START = datetime(2026, 7, 1, 4, tzinfo=UTC)
HALF = timedelta(minutes=30)
FOREST = Path(__file__).resolve().parents[3] / "deploy" / "demo" / "stations" / "cn-simulated-forest.toml"
ID = "cn-simulated-forest"


def forest_records(station: Station, half_hours: int) -> tuple[list[SampleBlock], list[Reading]]:
    made = [conform(record, station, to_ns(START) * 2) for record in records(Tower(station), START, half_hours / 48)]
    blocks = [record for record in made if isinstance(record, SampleBlock)]
    return blocks, [record for record in made if isinstance(record, Reading)]


def damp_gases(blocks: list[SampleBlock], cutoff: float) -> list[SampleBlock]:
    """Lay a recursive first-order filter on the gases of consecutive blocks, from one to the next."""
    keep = math.exp(-2 * math.pi * cutoff * blocks[0].dt_ns * 1e-9)
    damped, state = [], None
    for block in blocks:
        gases = [block.channels.index(name) for name in ("co2", "h2o")]
        samples = block.samples.copy()
        if state is None:
            state = keep * samples[gases, :1].astype(float)
        samples[gases], state = lfilter([1 - keep], [1, -keep], samples[gases].astype(float), zi=state)
        damped.append(replace(block, samples=samples))
    return damped


@pytest.fixture
def forest(store: Store) -> Station:
    return store.stations.put(FOREST.read_text(encoding="utf-8"), FOREST.name).station


def history(store: Store) -> list[tuple[datetime, float]]:
    with psycopg.connect(store.dsn) as connection:
        return connection.execute("SELECT time, fc FROM flux_history ORDER BY replaced").fetchall()


def test_a_half_hour_is_computed_once_and_again_after_late_data(store: Store, forest: Station) -> None:
    blocks, readings = forest_records(forest, 1)
    late = blocks.pop(20)
    store.messages.commit(blocks, readings)
    worker.compute_half_hour(store, ID, START)
    first = store.fluxes.read(ID, START, START + HALF)
    assert first["FC"].is_finite().all()
    worker.compute_half_hour(store, ID, START)
    assert history(store) == []
    store.messages.commit([late], [])
    worker.compute_half_hour(store, ID, START)
    second = store.fluxes.read(ID, START, START + HALF)
    assert [fc for _, fc in history(store)] == first["FC"].to_list()
    assert second["FC"].item() != first["FC"].item()
    assert second["config_sha256"].item() == store.stations.read(ID).config_sha256
    assert second["code_version"].item().startswith("fluxtower ")


def test_slow_sensors_give_temperature_and_pressure(store: Store, forest: Station) -> None:
    blocks, readings = forest_records(forest, 1)
    store.messages.commit(blocks, readings)
    worker.compute_half_hour(store, ID, START)
    measured = [reading.values for reading in readings if reading.stream == "met"][:30]
    row = store.fluxes.read(ID, START, START + HALF)
    assert row["TA"].item() == pytest.approx(np.mean([v["TA_1_1_1"] for v in measured]), abs=1e-4)
    assert row["PA"].item() == pytest.approx(np.mean([v["PA_1_1_1"] for v in measured]), abs=1e-4)


def test_half_hours_carry_the_means_of_the_meteorology_and_the_season_has_the_same(
    store: Store, forest: Station
) -> None:
    store.messages.commit(*forest_records(forest, 1))
    _, readings = forest_records(forest, 1)
    worker.compute_half_hour(store, ID, START)
    met = [one.values for one in readings if one.stream == "met" and one.time_ns < to_ns(START + HALF)]
    measured = {name: np.array([one[f"{name}_1_1_1"] for one in met]) for name in ("TA", "RH", "PA", "SW_IN", "P")}
    row = store.fluxes.read(ID, START, START + HALF).row(0, named=True)
    for name in ("TA", "RH", "PA", "SW_IN"):
        assert row[name] == pytest.approx(measured[name].mean(), rel=1e-6), name
    assert row["P"] == pytest.approx(measured["P"].sum(), abs=1e-9)
    # Tetens' formula, good to some tenths of a percent
    saturation = 6.1078 * np.exp(17.27 * measured["TA"] / (measured["TA"] + 237.3))
    assert row["VPD"] == pytest.approx(np.mean(saturation * (1 - measured["RH"] / 100)), rel=5e-3)
    season = worker.read_inputs(store, ID, forest, START, START + HALF).frame.row(0, named=True)
    for name in ("TA", "RH", "PA", "SW_IN", "P", "VPD"):
        assert season[name] == pytest.approx(row[name], rel=1e-12), name


def test_readings_are_checked_before_they_are_used(store: Store, forest: Station) -> None:
    blocks, readings = forest_records(forest, 1)
    hot = {"TA_1_1_1": 200.0}  # beyond any air
    store.messages.commit(blocks, [replace(readings[0], values={**readings[0].values, **hot}), *readings[1:]])
    assert "TA_1_1_1" in readings[0].values
    worker.compute_half_hour(store, ID, START)
    met = [one.values["TA_1_1_1"] for one in readings if one.stream == "met"][1:30]
    row = store.fluxes.read(ID, START, START + HALF)
    assert row["TA"].item() == pytest.approx(np.mean(met), rel=1e-6)


def test_a_half_hour_without_a_believable_reading_says_so(store: Store, forest: Station) -> None:
    blocks, _ = forest_records(forest, 1)
    store.messages.commit(blocks, [])
    worker.compute_half_hour(store, ID, START)
    (record,) = store.fluxes.read_records(ID, START, START + HALF)
    assert math.isfinite(record.values["VPD"])  # of the analyser's vapour
    for name in ("SW_IN", "P"):
        assert math.isnan(record.values[name])
        assert record.reasons[name] == "no slow sensor gave a believable value in the interval"


def test_storage_is_the_change_since_the_half_hour_before(store: Store, forest: Station) -> None:
    store.messages.commit(*forest_records(forest, 3))
    for i in range(3):
        worker.compute_half_hour(store, ID, START + i * HALF)
    rows = store.fluxes.read(ID, START, START + 3 * HALF)
    assert rows["SH"].is_null().to_list() == [True, False, False]
    assert "the interval before is not known" in rows["reasons"][0]
    assert forest.sonic is not None
    warming = rows["TA"].diff()[1:]
    heat = 1.0 / 1800 * forest.sonic.height  # per J m-3 K-1, of which a cubic metre of air has 900 to 1300
    assert all(900 < stored / (heat * change) < 1300 for stored, change in zip(rows["SH"][1:], warming, strict=True))
    assert rows["SC"][1:].is_not_null().all()
    assert rows["SLE"][1:].is_not_null().all()


def test_storage_does_not_hang_on_the_order_of_computing(store: Store, forest: Station) -> None:
    blocks, readings = forest_records(forest, 2)
    store.messages.commit(blocks, readings)
    for i in (1, 0):
        worker.compute_half_hour(store, ID, START + i * HALF)
    first, second = store.fluxes.read_records(ID, START, START + 2 * HALF)
    samples = store.samples.read(ID, "ec", START + HALF, START + 2 * HALF)
    met = weather(store.readings.read(ID, "met", START + HALF, START + 2 * HALF), forest.streams["met"])
    expected = steps.process(samples, forest, START + HALF, meteorology=mean_meteorology(met), previous=first)
    for name in ("SC", "SH", "SLE"):
        assert second.values[name] == pytest.approx(expected.values[name], rel=1e-9)
        assert name not in second.reasons
    assert history(store) == []


def test_a_half_hour_that_cannot_be_computed_is_marked_with_the_reason(store: Store, forest: Station) -> None:
    blocks, _ = forest_records(forest, 1)
    store.messages.commit(blocks, [])
    text = FOREST.read_text(encoding="utf-8").replace('spectral = "none"', 'spectral = "unheard_of"')
    store.stations.put(text, FOREST.name)  # the command line would refuse this file
    worker.compute_half_hour(store, ID, START)
    assert store.intervals.find_due(datetime.now(UTC), 10) == []
    assert store.health().intervals_failed == 1
    with psycopg.connect(store.dsn) as connection:
        (failure,) = connection.execute("SELECT failure FROM interval_state WHERE failure IS NOT NULL").fetchone() or (
            "",
        )
    assert "correct_spectra" in failure
    assert "unheard_of" in failure


def test_lags_are_fitted_to_stored_half_hours_and_applied_live(store: Store, forest: Station) -> None:
    half_hours = MIN_LAGS + 1
    blocks, readings = forest_records(forest, half_hours)
    store.messages.commit(blocks, readings)
    for i in range(MIN_LAGS):
        worker.compute_half_hour(store, ID, START + i * HALF)
    with pytest.raises(ProcessingError, match=r"too few of \d half-hours"):
        worker.fit_station(store, ID, "lags", START, START + HALF)
    number = worker.fit_station(store, ID, "lags", START, START + half_hours * HALF)
    assert read_fits({"lags": store.fits.read_newest(ID)["lags"].data}).lags["co2"][0].nominal == pytest.approx(
        0.0, abs=0.11
    )
    worker.compute_half_hour(store, ID, START + MIN_LAGS * HALF)
    *_, last = store.fluxes.read_records(ID, START, START + half_hours * HALF)
    assert last.diagnostics["fit_lags"] == number
    assert last.values["FC"] == pytest.approx(store.fluxes.read(ID, last.start, last.end)["FC"].item())


def test_planes_are_fitted_to_stored_winds(store: Store, forest: Station) -> None:
    tilt_u, tilt_v = 0.02, -0.03
    for i in range(40):
        u, v = 3.0 * math.cos(i), 3.0 * math.sin(i)
        wind = {"sonic_u": u, "sonic_v": v, "sonic_w": 0.01 + tilt_u * u + tilt_v * v}
        record = FluxRecord(ID, START + i * HALF, START + (i + 1) * HALF, {}, {}, wind)
        store.fluxes.put(record, config_sha256="x", code_version="1", revision=1)
    worker.fit_station(store, ID, "planes", START, START + 40 * HALF)
    (plane,) = read_fits({"planes": store.fits.read_newest(ID)["planes"].data}).planes
    assert (plane.b0, plane.b1, plane.b2) == pytest.approx((0.01, tilt_u, tilt_v))


def test_spectra_are_assessed_from_stored_samples_and_applied_live(store: Store, forest: Station) -> None:
    """Gases of the simulated forest are damped on their way into the store, by a filter of 0.3 Hz."""
    text = FOREST.read_text(encoding="utf-8").replace('spectral = "none"', 'spectral = "horst_1997"')
    store.stations.put(text, FOREST.name)
    half_hours = MIN_INTERVALS + 1
    blocks, readings = forest_records(forest, half_hours)
    store.messages.commit(damp_gases(blocks, 0.3), readings)
    with pytest.raises(ProcessingError, match="longer period"):
        worker.assess_station(store, ID, START, START + HALF)
    numbers = worker.assess_station(store, ID, START, START + half_hours * HALF)
    worker.compute_half_hour(store, ID, START)
    (record,) = store.fluxes.read_records(ID, START, START + HALF)
    assert record.diagnostics["fit_cutoffs"] == numbers["cutoffs"]
    assert record.diagnostics["cutoff_co2_hz"] == pytest.approx(0.3, rel=0.2)
    assert record.diagnostics["factor_co2"] > record.diagnostics["factor_h"]


def test_planes_are_fitted_to_stored_half_hours_and_applied_live(store: Store) -> None:
    plane = '[flux.options]\nplanar_fit_least_periods = 5\n[flux.methods]\nrotation = "planar_fit"'
    text = FOREST.read_text(encoding="utf-8").replace("[flux.methods]", plane)
    station = store.stations.put(text, FOREST.name).station
    store.messages.commit(*forest_records(station, 6))
    for i in range(5):
        worker.compute_half_hour(store, ID, START + i * HALF)
    with pytest.raises(ProcessingError, match=r"2 of 2 half-hours .* no sector has the 5"):
        worker.fit_station(store, ID, "planes", START, START + 2 * HALF)
    number = worker.fit_station(store, ID, "planes", START, START + 5 * HALF)
    worker.compute_half_hour(store, ID, START + 5 * HALF)
    before, *_, last = store.fluxes.read_records(ID, START, START + 6 * HALF)
    assert math.isnan(before.values["FC"])
    assert last.diagnostics["fit_planes"] == number
    assert math.isfinite(last.values["FC"])
    assert last.diagnostics["plane_w"] == pytest.approx(0, abs=0.02)


def test_storage_comes_from_a_stored_profile(store: Store) -> None:
    """SC is the change of the levels' means over the last five minutes, from one half-hour's end to the next."""
    heights = {"CO2_1_1_1": 30.0, "CO2_1_2_1": 15.0, "CO2_1_3_1": 2.0}
    table = ", ".join(f"{name} = {height}" for name, height in heights.items())
    text = FOREST.read_text(encoding="utf-8")
    text = text.replace(
        'meteorology = "met"\n', f'meteorology = "met"\nprofile = {{ stream = "co2", heights = {{ {table} }} }}\n'
    )
    station = store.stations.put(text, FOREST.name).station
    blocks, readings = forest_records(station, 2)
    store.messages.commit(blocks, readings)
    for i in range(2):
        worker.compute_half_hour(store, ID, START + i * HALF)
    first, second = store.fluxes.read_records(ID, START, START + 2 * HALF)
    assert math.isnan(first.values["SC"])
    ends = []
    for end in (START + HALF, START + 2 * HALF):
        levels = [
            one
            for one in readings
            if one.stream == "co2" and end - timedelta(seconds=300) <= from_ns(one.time_ns) < end
        ]
        assert len(levels) == 5
        ends.append([sum(one.values[name] for one in levels) / 5 for name in heights])
    assert station.sonic is not None
    expected = profile_storage(list(heights.values()), ends[0], ends[1], 1800, station.sonic.height)
    assert second.values["SC"] == pytest.approx(expected / second.diagnostics["molar_volume"], rel=1e-3)  # float32


def test_the_season_has_no_hole(store: Store, forest: Station) -> None:
    blocks, readings = forest_records(forest, 8)
    hole = START + 3 * HALF
    kept = [block for block in blocks if not to_ns(hole) <= block.start_ns < to_ns(hole + HALF)]
    store.messages.commit(kept, readings)
    for i in range(8):
        worker.compute_half_hour(store, ID, START + i * HALF)
    assert worker.fill_season(store, ID) is not None
    product = store.runs.read_newest_product(ID, START, START + 8 * HALF)
    assert product["start"].to_list() == [START + i * HALF for i in range(8)]
    assert product["NEE_F"].null_count() == 0
    assert product.filter(pl.col("NEE_F_QC") > 0)["start"].to_list() == [hole]
    measured = product.filter(pl.col("NEE_F_QC") == 0)
    assert measured["NEE"].to_list() == measured["NEE_F"].to_list()


def test_readings_are_flagged(store: Store, forest: Station) -> None:
    _, readings = forest_records(forest, 1)
    absurd = Reading(ID, "met", to_ns(START + HALF), dict(readings[0].values) | {"RH_1_1_1": 400.0})
    met = [reading for reading in readings if reading.stream == "met" and reading.time_ns < absurd.time_ns]
    store.messages.commit([], [*met, absurd])
    assert worker.flag_readings(store) == len(met) + 1
    flags = store.readings.read(ID, "met", START, START + 2 * HALF)["flags"].to_list()
    assert flags == [[1] * 5] * len(met) + [[1, 3, 1, 1, 1]]


def start_worker(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "fluxtower", "worker"], env=environment, stderr=subprocess.PIPE)


def end(processes: list[subprocess.Popen[bytes]]) -> str:
    for process in processes:
        process.terminate()
    return b"".join(process.communicate(timeout=PATIENCE)[1] for process in processes).decode()


def wait_until_computed(store: Store, half_hours: int) -> None:
    wait_for(lambda: len(store.fluxes.read(ID, START, START + half_hours * HALF)) >= half_hours)


@pytest.mark.alone
def test_several_workers_compute_every_half_hour_exactly_once(
    store: Store, forest: Station, environment: dict[str, str]
) -> None:
    blocks, readings = forest_records(forest, 24)
    store.messages.commit(blocks, readings)
    workers = [start_worker(environment) for _ in range(3)]
    try:
        wait_until_computed(store, 24)
    finally:
        log = end(workers)
    assert history(store) == []
    assert "Traceback" not in log
    assert [process.returncode for process in workers] == [0, 0, 0]


@pytest.mark.alone
def test_the_half_hour_of_a_killed_worker_is_computed_by_another(
    settings: Settings, store: Store, forest: Station, environment: dict[str, str]
) -> None:
    blocks, readings = forest_records(forest, 12)
    store.messages.commit(blocks, readings)
    first = start_worker(environment)
    wait_for(lambda: _is_busy(store))
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    second = start_worker(environment)
    try:
        wait_until_computed(store, 12)
    finally:
        end([second])


def _is_busy(store: Store) -> bool:
    with psycopg.connect(store.dsn) as connection:
        query = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing' AND task_name = 'half_hour'"
        return connection.execute(query).fetchone() != (0,)


@pytest.mark.alone
def test_a_worker_ends_at_once_when_asked(settings: Settings) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(settings, stop))
    thread.start()
    time.sleep(1.0)
    stop.set()
    thread.join(SOON)
    assert not thread.is_alive()


def test_flagged_weather_is_not_used_and_half_hours_of_it_are_made_anew(store: Store, forest: Station) -> None:
    store.messages.commit(*forest_records(forest, 1))
    _, readings = forest_records(forest, 1)
    worker.flag_readings(store)
    worker.compute_half_hour(store, ID, START)
    assert store.intervals.find_due(datetime.now(UTC), 10) == []
    said = Correction("flag", ID, "met", START, START + HALF / 2, ("TA_1_1_1",), "sun on the shield", "me")
    assert correct(store, said).due == 1
    (due,) = store.intervals.find_due(datetime.now(UTC) + HALF, 10)
    worker.compute_half_hour(store, ID, due.start)
    row = store.fluxes.read(ID, START, START + HALF).row(0, named=True)
    met = [one.values["TA_1_1_1"] for one in readings if one.stream == "met"][:30]
    assert row["TA"] == pytest.approx(np.mean(met[15:]), rel=1e-6)
    season = worker.read_inputs(store, ID, forest, START, START + HALF).frame.row(0, named=True)
    assert season["TA"] == pytest.approx(row["TA"], rel=1e-12)


def test_samples_of_a_clock_that_was_set_back_are_used_from_neither_time(store: Store, forest: Station) -> None:
    """The logger lives through five minutes again, its blocks a few samples off: no mixture of both makes a flux."""
    blocks, readings = forest_records(forest, 1)
    store.messages.commit(blocks, readings)
    step = blocks[0].samples.shape[1]
    first = count = 300 * NS // (step * blocks[0].dt_ns)  # from the fifth minute on, for five minutes
    again = [
        replace(block, start_ns=blocks[first + i].start_ns + 3 * block.dt_ns, seq=None)
        for i, block in enumerate(blocks[-count:])
    ]
    store.messages.commit(again, [])
    worker.compute_half_hour(store, ID, START)
    (record,) = store.fluxes.read_records(ID, START, START + HALF)
    # wind of another quarter of an hour is never the same
    assert record.diagnostics["contested_samples"] == pytest.approx(count * step, abs=3)
    assert record.values["FC"] != record.values["FC"]
    assert "16.7 % of the samples are missing" in record.reasons["FC"]
