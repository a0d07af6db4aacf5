"""Season runs of stored half-hours: the daily provisional one, also of a young or poor station; inputs; provenance."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from core.clock import to_ns
from core.frames import PRODUCT_COLUMNS
from core.records import FluxRecord, Reading
from core.store import Store
from core.variables import FLUX_COLUMNS
from fluxcalc import worker
from fluxcalc.season.grid import lay_grid
from fluxcalc.season.record import SeasonMethods
from fluxcalc.season.report import report_season
from fluxcalc.season.steps import process_season
from fluxcalc.season.sums import sum_season
from fluxcalc.season.ustar.published import UstarThreshold
from fluxcalc.worker.seasons import season_product
from tests.fluxcalc.season.test_steps import made_up

pytestmark = pytest.mark.integration

ID = "made-up"
STATION = """
[station]
id = "made-up"
name = "Made-up forest"
latitude = 51.0
longitude = 15.0
altitude = 300.0
utc_offset = 1.0
[site]
canopy_height = 0.5
[sonic]
model = "CSAT3"
height = 4.0
[[stream]]
name = "ec"
kind = "block"
rate = 20.0
channels = [
    { name = "Ux", variable = "U", unit = "m s-1" }, { name = "Uy", variable = "V", unit = "m s-1" },
    { name = "Uz", variable = "W", unit = "m s-1" }, { name = "Ts", variable = "T_SONIC", unit = "deg C" },
]
[[stream]]
name = "met"
kind = "reading"
interval = 600
channels = [
    { name = "sun", variable = "SW_IN", unit = "W m-2" }, { name = "air", variable = "TA", unit = "K" },
    { name = "vpd", variable = "VPD", unit = "kPa" },
]
[flux]
stream = "ec"
meteorology = "met"
"""
WITHOUT = STATION.replace('meteorology = "met"\n', "")
HALF = timedelta(minutes=30)
FLUXES = ("FC", "LE", "H", "USTAR", "FC_SSITC_TEST", "LE_SSITC_TEST", "H_SSITC_TEST", "TA", "VPD")
ZERO = 273.15


def put_fluxes(store: Store, frame: pl.DataFrame, *, own_weather: bool = False) -> None:
    """Store half-hours, stamped in local standard time; those without FC do not exist."""
    nothing = dict.fromkeys(FLUX_COLUMNS, math.nan)
    records = []
    for row in frame.iter_rows(named=True):
        if row["FC"] is not None:
            start = row["start"].replace(tzinfo=UTC) - timedelta(hours=1)
            names = [name for name in FLUXES if name in frame.columns and (own_weather or name not in ("TA", "VPD"))]
            values = nothing | {"FC_SSITC_TEST": 0.0} | {name: row[name] for name in names}
            records.append(FluxRecord(ID, start, start + HALF, values, {}, {}))
    store.fluxes.put_history(records, config_sha256="c" * 64, code_version="EddyPro: old.csv")


def put_readings(store: Store, frame: pl.DataFrame) -> None:
    """Store three readings a half-hour with the half-hour's means."""
    readings = []
    for start, sun, air, vpd in frame.select("start", "SW_IN", "TA", "VPD").iter_rows():
        for i, off in enumerate((-1.0, 0.0, 1.0)):
            time = start.replace(tzinfo=UTC) - timedelta(hours=1) + i * timedelta(minutes=10)
            values = {"sun": sun + off, "air": air + ZERO + off, "vpd": vpd / 10}
            readings.append(Reading(ID, "met", to_ns(time), values))
    store.messages.commit([], readings)


BALANCE = STATION.replace(
    'name = "vpd", variable = "VPD", unit = "kPa" },',
    """name = "vpd", variable = "VPD", unit = "kPa" },
    { name = "net", variable = "NETRAD", unit = "W m-2" }, { name = "plate", variable = "G", unit = "W m-2" },
    { name = "soil", variable = "TS", unit = "K" }, { name = "deeper", variable = "TS", unit = "K" },
    { name = "rain", variable = "P", unit = "mm" },""",
)


def ground_flux(start: datetime, sun: float) -> float:
    """What goes into the ground: a tenth of the sun, and a course of the day; no real plate stands still at night."""
    return 0.1 * sun + 5.0 * math.sin((start.hour + start.minute / 60) / 12 * math.pi)


def put_balance(store: Store, frame: pl.DataFrame, share: float) -> None:
    """Store fluxes, and readings of a net radiation of which H and LE are only a share; rain of 0.6 mm at midnight."""
    store.stations.put(BALANCE, "made-up.toml")
    put_fluxes(store, frame)
    readings = []
    for row in frame.iter_rows(named=True):
        ground = ground_flux(row["start"], row["SW_IN"])
        net = (row["LE"] + row["H"]) / share + ground
        rains = (0.1, 0.2, 0.3) if row["start"].hour == row["start"].minute == 0 else (0.0, math.nan, 0.0)
        for i, rain in enumerate(rains):
            time = row["start"].replace(tzinfo=UTC) - timedelta(hours=1) + i * timedelta(minutes=10)
            values = {"sun": row["SW_IN"], "air": row["TA"] + ZERO, "vpd": row["VPD"] / 10, "net": net, "plate": ground}
            more = {"soil": 280.0 + 0.1 * i, "deeper": 300.0, "rain": rain}
            readings.append(Reading(ID, "met", to_ns(time), values | more))
    store.messages.commit([], readings)


def with_heat(frame: pl.DataFrame) -> pl.DataFrame:
    noise = np.random.default_rng(7).normal(0, 5, frame.height)
    good = {f"{name}_SSITC_TEST": pl.lit(0.0) for name in ("LE", "H")}
    return frame.with_columns(H=pl.col("SW_IN") / 5 + noise, **good)


def with_gaps(frame: pl.DataFrame) -> pl.DataFrame:
    """Take six hours of every third night away, and eight hours of a day."""
    i = pl.int_range(pl.len())
    gone = ((i // 48 % 3 == 1) & (i % 48 < 12)) | i.is_between(10 * 48 + 20, 10 * 48 + 35)
    return frame.with_columns(FC=pl.when(~gone).then("FC"))


def newest(store: Store) -> tuple[pl.DataFrame, dict[str, str], dict[str, object]]:
    run = store.runs.read_newest(ID)
    assert run is not None
    assert run.kind == "provisional"
    product = store.runs.read_product(run, datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
    return product, run.provenance["not_done"], dict(run.provenance)


def test_a_season_is_filled_filtered_and_partitioned(store: Store) -> None:
    store.stations.put(STATION, "made-up.toml")
    whole = made_up(100)
    frame = with_gaps(whole)
    put_fluxes(store, frame)
    put_readings(store, frame)
    number = worker.fill_season(store, ID)
    product, not_done, said = newest(store)
    assert product.columns == list(PRODUCT_COLUMNS)
    assert not_done == {}
    first = datetime(2022, 12, 31, 23, tzinfo=UTC)  # midnight at UTC+1
    assert product["start"].to_list() == [first + i * HALF for i in range(4800)]
    for name in ("NEE_F", "LE_F", "ET", "RECO_NT", "GPP_NT", "RECO_DT", "GPP_DT", "NEE_RANDUNC", "TA_F"):
        assert product[name].null_count() == 0, name
    # a record of the night that is not used says why, and is filled
    low = product.filter(pl.col("NEE_FLAG") == 4)
    assert 100 < low.height < 2400
    assert (low["USTAR"] < low["USTAR_THRESHOLD"]).all()
    assert low["NEE"].null_count() == low.height
    assert (low["NEE_F_QC"] > 0).all()
    used = product.with_columns(FC=frame["FC"]).filter(pl.col("NEE_FLAG") == 0)
    assert used["NEE"].to_list() == used["NEE_F"].to_list() == used["FC"].to_list()
    gone = product.filter(frame["FC"].is_null())
    assert gone["NEE_FLAG"].null_count() == gone.height
    # the weather of the gaps is known: they are filled by it
    assert set(gone["NEE_F_METHOD"]) == {1}
    assert product["TA_F"].to_numpy() == pytest.approx(whole["TA"].to_numpy(), abs=1e-4)  # readings are float32
    assert product["VPD_F"].to_numpy() == pytest.approx(whole["VPD"].to_numpy(), abs=1e-4)
    assert said["sums"]["NEE_F"]["value"] == pytest.approx(product["NEE_F"].sum() * 1800 * 12.0107e-6, rel=1e-12)  # type: ignore[index]
    course = said["course"]
    assert course["end"][0] == "2023-01-01T23:00:00+00:00"  # type: ignore[index]
    assert course["NEE_F"][-1] == pytest.approx(said["sums"]["NEE_F"]["value"], abs=1e-3)  # type: ignore[index]
    assert course["NEE_F_JOINTUNC"][-1] == pytest.approx(said["sums"]["NEE_F"]["joint"], abs=1e-3)  # type: ignore[index]
    assert number == store.runs.read_newest(ID).id  # type: ignore[union-attr]


def test_a_run_says_what_it_was_made_of(store: Store) -> None:
    registered = store.stations.put(STATION, "made-up.toml")
    frame = made_up(5)
    put_fluxes(store, frame)
    put_readings(store, frame)
    before = datetime.now(UTC)
    run = store.runs.read(worker.fill_season(store, ID) or 0)
    assert run.config_sha256 == registered.config_sha256
    assert run.code_version.startswith("fluxtower ")
    assert run.started <= before + timedelta(seconds=10)
    assert run.methods["ustar"] == "seasonal"
    inputs = run.provenance["inputs"]
    assert inputs["fluxes"]["records"] == 240
    assert inputs["fluxes"]["config_sha256"] == ["c" * 64]
    assert inputs["fluxes"]["code_version"] == ["EddyPro: old.csv"]
    assert datetime.fromisoformat(inputs["fluxes"]["newest"]) <= run.finished
    assert inputs["meteorology"] == {"stream": "met", "readings": 720}
    assert set(run.provenance["versions"]) >= {"fluxtower", "numpy"}
    again = store.runs.read(worker.fill_season(store, ID) or 0)
    assert again.id != run.id
    assert again.provenance["inputs"]["sha256"] == inputs["sha256"]
    changed = frame.with_columns(start=pl.col("start") + timedelta(days=5)).head(1)
    put_fluxes(store, changed)
    third = store.runs.read(worker.fill_season(store, ID) or 0)
    assert third.provenance["inputs"]["sha256"] != inputs["sha256"]
    assert store.runs.read(run.id) == run


@pytest.mark.parametrize("days", [1, 3, 20])
def test_a_young_season_is_filled_and_says_what_is_not_done(store: Store, days: int) -> None:
    store.stations.put(STATION, "made-up.toml")
    frame = made_up(days).with_columns(FC=pl.when(pl.int_range(pl.len()) != 30).then("FC"))
    put_fluxes(store, frame)
    put_readings(store, frame)
    worker.fill_season(store, ID)
    product, not_done, _ = newest(store)
    assert product.height == 48 * days
    assert product["NEE_F"].null_count() == 0
    assert product["USTAR_THRESHOLD"].null_count() == product.height
    assert "no threshold" in not_done["USTAR_THRESHOLD"]
    assert "windows of 15 days" in not_done["RECO_NT"]
    for name in ("RECO_NT", "RECO_DT"):
        assert (product[name].null_count() == product.height) == (name in not_done)


def test_a_station_without_meteorology_is_filled_by_the_time_of_day(store: Store) -> None:
    store.stations.put(WITHOUT, "made-up.toml")
    frame = with_gaps(made_up(30))
    put_fluxes(store, frame)
    worker.fill_season(store, ID)
    product, not_done, said = newest(store)
    assert product["NEE_F"].null_count() == 0
    assert set(product.filter(pl.col("NEE_FLAG").is_null())["NEE_F_METHOD"]) == {3}
    assert {"USTAR_THRESHOLD", "RECO_NT", "RECO_DT"} <= set(not_done)
    assert any(problem.startswith("SW_IN: no record") for problem in said["problems"])  # type: ignore[attr-defined]
    assert said["inputs"]["meteorology"] is None  # type: ignore[index]


def test_a_half_hours_own_weather_counts_where_no_sensor_measured(store: Store) -> None:
    """History of another program has TA and VPD; the slow sensors came later."""
    store.stations.put(STATION, "made-up.toml")
    frame = made_up(10).with_columns(pl.col("TA") + 0.25)
    put_fluxes(store, frame, own_weather=True)
    put_readings(store, made_up(10)[240:])
    row = store.stations.read(ID)
    span = store.fluxes.read_span(ID)
    assert span is not None
    inputs = worker.read_inputs(store, ID, row.station, *span)
    expected = pl.concat([frame[:240], made_up(10)[240:]])
    assert inputs.frame["start"].to_list() == expected["start"].to_list()
    for name in ("TA", "VPD"):
        assert inputs.frame[name].to_numpy() == pytest.approx(expected[name].to_numpy(), abs=1e-4)
    assert inputs.frame["SW_IN"].null_count() == 240
    assert "FCH4" not in inputs.frame.columns


def test_the_energy_balance_is_closed_with_what_the_station_measures(store: Store) -> None:
    """H and LE are four fifths of the energy there is: a quarter is added to both."""
    frame = with_heat(made_up(40))
    put_balance(store, frame, 0.8)
    row, span = store.stations.read(ID), store.fluxes.read_span(ID)
    assert span is not None
    inputs = worker.read_inputs(store, ID, row.station, *span)
    ground = [ground_flux(start, sun) for start, sun in frame.select("start", "SW_IN").iter_rows()]
    assert inputs.frame["G"].to_list() == pytest.approx(ground, abs=1e-4)
    assert inputs.frame["TS"].to_numpy() == pytest.approx(280.1 - ZERO, abs=1e-4)  # the first channel of three readings
    midnight = pl.col("start").dt.time() == datetime(2023, 1, 1).time()
    assert inputs.frame.filter(midnight)["P"].to_numpy() == pytest.approx(0.6, abs=1e-6)
    assert set(inputs.frame.filter(~midnight)["P"]) == {0.0}

    methods = SeasonMethods(ustar="none", uncertainty="none", partition=())
    season = process_season(lay_grid(inputs.frame, minutes=30), 51.0, 15.0, 1.0, methods)
    assert season.closure is not None
    assert season.closure.ratio == pytest.approx(0.8, rel=1e-4)
    number = worker.store_season(
        store,
        ID,
        season,
        report_season(season, methods),
        inputs.origin,
        started=datetime.now(UTC),
        config_sha256=row.config_sha256,
    )
    product = store.runs.read_product(store.runs.read(number), *span)
    for name in ("LE", "H"):
        corrected = product[f"{name}_CORR"]
        assert corrected.null_count() == 0
        assert corrected.to_numpy() == pytest.approx(1.25 * product[f"{name}_F"].to_numpy(), rel=1e-3, abs=1e-3)
    assert product["TS_F"].null_count() == 0


def test_rain_is_unknown_where_no_reading_tells(store: Store) -> None:
    frame = with_heat(made_up(1))
    put_balance(store, frame[:1], 0.8)
    put_fluxes(store, frame[:2])
    row, span = store.stations.read(ID), store.fluxes.read_span(ID)
    assert span is not None
    inputs = worker.read_inputs(store, ID, row.station, *span)
    assert inputs.frame["P"].to_list() == [pytest.approx(0.6, abs=1e-6), None]


def test_a_single_half_hour_is_no_season_and_two_are(store: Store) -> None:
    store.stations.put(STATION, "made-up.toml")
    put_fluxes(store, made_up(1)[5:6])
    assert worker.fill_season(store, ID) is None
    assert store.runs.find() == []
    put_fluxes(store, made_up(1)[6:7])
    worker.fill_season(store, ID)
    product, _, _ = newest(store)
    assert product["NEE_F"].to_list() == made_up(1)["FC"][5:7].to_list()
    assert product["NEE_F_QC"].to_list() == [0, 0]


def test_bad_fluxes_alone_give_nothing_and_say_so(store: Store) -> None:
    store.stations.put(STATION, "made-up.toml")
    frame = made_up(3).with_columns(FC_SSITC_TEST=pl.lit(2.0))
    put_fluxes(store, frame)
    put_readings(store, frame)
    worker.fill_season(store, ID)
    product, not_done, _ = newest(store)
    assert product["NEE_F"].null_count() == product.height == 144
    assert set(product["NEE_FLAG"]) == {1}
    assert not_done["NEE_F"] == "no record of usable quality"
    assert product["LE_F"].null_count() == 0


def test_an_interval_is_as_long_as_the_station_says(store: Store) -> None:
    """Two half-hours, hours apart, are no grid of hours."""
    store.stations.put(STATION, "made-up.toml")
    put_fluxes(store, made_up(1)[[3, 9]])
    worker.fill_season(store, ID)
    product, _, _ = newest(store)
    assert product.height == 7


def test_no_flux_is_no_season(store: Store) -> None:
    store.stations.put(STATION, "made-up.toml")
    assert worker.fill_season(store, ID) is None
    assert store.runs.find() == []


def test_only_the_running_year_is_provisional(store: Store) -> None:
    store.stations.put(WITHOUT, "made-up.toml")
    early = made_up(1)
    put_fluxes(store, early)
    put_fluxes(store, early.with_columns(start=pl.col("start") + timedelta(days=900)))
    worker.fill_season(store, ID)
    product, _, _ = newest(store)
    assert product.height <= 366 * 48
    assert product["start"][-1] == datetime(2025, 6, 19, 22, 30, tzinfo=UTC)


def test_a_season_on_demand_keeps_everything(store: Store) -> None:
    store.stations.put(STATION, "made-up.toml")
    frame = with_gaps(made_up(100))
    methods = SeasonMethods(ustar=0.2, samples=5, partition=("nt",))
    season = process_season(lay_grid(frame), 51.0, 15.0, 1.0, methods)
    report = report_season(season, methods)
    number = worker.store_season(
        store, ID, season, report, {"file": "fluxes.csv"}, started=datetime.now(UTC), config_sha256="c" * 64
    )
    run = store.runs.read(number)
    assert run.kind == "season"
    assert set(run.further) == set(season.results) - set(PRODUCT_COLUMNS)
    assert run.methods["ustar"] == 0.2
    assert run.provenance["inputs"]["file"] == "fluxes.csv"
    assert run.provenance["sums"]["NEE_F"]["value"] == sum_season(season)["NEE_F"].value
    assert [UstarThreshold(**said) for said in run.provenance["thresholds"]] == [
        UstarThreshold(kind="fixed", value=0.2)
    ]
    assert run.provenance["E0"] == season.e0
    assert run.first is not None
    back = store.runs.read_product(run, run.first, run.first + timedelta(days=366))
    for name, values in season.results.items():
        np.testing.assert_array_equal(back[name].cast(pl.Float64).fill_null(np.nan).to_numpy(), values, err_msg=name)
    assert _flags(season_product(season).fill_nan(None)) == _flags(back)
    assert worker.fill_season(store, ID) is None


def _flags(table: pl.DataFrame) -> list[int | None]:
    return table["NEE_FLAG"].cast(pl.Int64).to_list()
