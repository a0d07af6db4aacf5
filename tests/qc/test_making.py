"""Mole fractions of what is stored: live as over a period, late data, changed tanks; earlier values are kept."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import netCDF4
import numpy as np
import polars as pl
import pytest
import xarray
from typer.testing import CliRunner

from api.air import read_series
from api.exports.mole_fractions import decimal_year, icos_name, obspack_name, write_icos, write_obspack
from core.clock import NS, from_ns
from core.errors import ConfigError
from core.records import Reading
from core.settings import Settings
from core.store import Store
from core.store.mole_fractions import HOUR_S, MINUTE_S
from fluxtower.cli import app
from ingest.simulation.analyser import CHANNELS, AnalyserSamples, SimulatedAnalyser, at
from qc.making import make_new, make_period
from qc.mole_fraction import RawSeries, process_mole_fractions
from tests.judging import judge_all

pytestmark = pytest.mark.integration

DAY = at("2026-01-10")
HOUR = 3600 * NS
SCENE = SimulatedAnalyser(seed=7)
HOURS = 30


@pytest.fixture(scope="module")
def samples() -> AnalyserSamples:
    return SCENE.samples(DAY, DAY + HOURS * HOUR)


def register(store: Store, scene: SimulatedAnalyser = SCENE) -> str:
    for serial, text in scene.tank_texts.items():
        store.tanks.put(text, f"{serial}.toml")
    return store.stations.put(scene.station_text, "cn-co2.toml").station.id


def send(store: Store, samples: AnalyserSamples, start: int, end: int, scene: SimulatedAnalyser = SCENE) -> None:
    """Commit the samples of [start, end) as an analyser's messages."""
    part = scene.station.mole_fraction
    assert part is not None
    low, high = np.searchsorted(samples.time_ns, (start, end))
    values = samples.in_units
    readings = [
        Reading(
            scene.station.id, part.stream, int(samples.time_ns[i]), dict(zip(CHANNELS, values[i].tolist(), strict=True))
        )
        for i in range(low, high)
    ]
    for first in range(0, len(readings), 5000):
        store.messages.commit([], readings[first : first + 5000])


def stored(store: Store, id: str, step_s: int = HOUR_S) -> pl.DataFrame:
    return store.mole_fractions.read(id, from_ns(DAY), from_ns(DAY + 60 * 24 * HOUR), step_s=step_s)


def test_stored_values_are_those_of_the_chain_and_live_equals_a_period(store: Store, samples: AnalyserSamples) -> None:
    id = register(store)
    row = store.stations.read(id)
    assert make_new(store, row) is None  # nothing has come
    for first in range(0, HOURS, 6):
        send(store, samples, DAY + first * HOUR, DAY + (first + 6) * HOUR)
        assert make_new(store, row) is not None
    assert make_new(store, row) is None
    live = {step: stored(store, id, step) for step in (MINUTE_S, HOUR_S)}

    # the store keeps float32, and gives back the shortest decimal number that is it
    kept = np.array([float(str(one)) for one in samples.in_units.astype(np.float32).ravel()])
    raw = RawSeries(samples.time_ns, kept.reshape(samples.in_units.shape), CHANNELS)
    expected = process_mole_fractions(raw, SCENE.station, SCENE.tanks)
    for means_by_gas, step in ((expected.minutes, MINUTE_S), (expected.hours, HOUR_S)):
        for gas, means in means_by_gas.items():
            for place, intake in enumerate(means.intakes):
                own = live[step].filter((pl.col("gas") == gas) & (pl.col("intake") == intake))
                chosen = means.intake == place
                np.testing.assert_array_equal(own["flag"].to_numpy(), means.flag[chosen])
                np.testing.assert_array_equal(own["n"].to_numpy(), means.n[chosen])
                for name in ("value", "sd", "u"):
                    theirs = getattr(means, name)[chosen]
                    ours = own[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
                    np.testing.assert_array_equal(ours, np.where(np.isfinite(theirs), theirs, np.nan))
    good = live[HOUR_S].filter(pl.col("flag") == 1)
    assert good.height > 10

    again = make_period(store, row, from_ns(DAY), from_ns(DAY + HOURS * HOUR))
    assert again.replaced == ()
    for step, table in live.items():
        assert stored(store, id, step).equals(table)


def test_late_data_change_what_they_touch_and_what_they_replace_is_kept(store: Store, samples: AnalyserSamples) -> None:
    id = register(store)
    row = store.stations.read(id)
    hole = (DAY + 14 * HOUR + HOUR // 4, DAY + 14 * HOUR + HOUR // 2)
    send(store, samples, DAY, hole[0])
    send(store, samples, hole[1], DAY + HOURS * HOUR)
    judge_all(store)
    make_new(store, row)
    before = stored(store, id)
    send(store, samples, *hole)
    judge_all(store)  # which hears of late readings, and asks for what is around them
    made = make_new(store, row)
    assert made is not None
    assert made.replaced
    late = stored(store, id)
    assert not late.equals(before)

    import psycopg

    with psycopg.connect(store.dsn) as connection:
        kept = connection.execute(
            "SELECT count(*) FROM mole_fraction_history h WHERE h.flag <> 2 AND h.step_s = 3600"
        ).fetchone()
        provisional = connection.execute("SELECT count(*) FROM mole_fraction_history WHERE flag = 2").fetchone()
    assert kept == (sum(one.hours for one in made.replaced),)
    assert provisional == (0,)
    told = [one for one in store.mole_fractions.read_events(id, from_ns(DAY), from_ns(DAY + 48 * HOUR))
            if one.kind == "mole fraction recomputed"]  # fmt: skip
    assert len(told) == 1
    assert "raw data came late" in told[0].message


def test_another_assignment_of_a_tank_makes_everything_again_and_says_by_how_much(
    store: Store, samples: AnalyserSamples
) -> None:
    id = register(store)
    row = store.stations.read(id)
    send(store, samples, DAY, DAY + HOURS * HOUR)
    make_new(store, row)
    before = stored(store, id)
    moved = {serial: _moved(text, 0.5) for serial, text in SCENE.tank_texts.items()}
    for serial, text in moved.items():
        assert store.tanks.put(text, f"{serial}.toml")
        assert not store.tanks.put(text, f"{serial}.toml")
    made = make_new(store, row)
    assert made is not None
    both = before.join(stored(store, id), on=["time", "gas", "intake"], suffix="_after")
    both = both.filter((pl.col("gas") == "CO2") & (pl.col("flag") == 1))
    # all tanks 0.5 ppm higher, so all air is
    np.testing.assert_allclose((both["value_after"] - both["value"]).to_numpy(), 0.5, atol=0.01)
    told = store.mole_fractions.read_events(id, from_ns(DAY), from_ns(DAY + 48 * HOUR))
    assert any("a tank file has changed" in one.message and "by up to 0.5" in one.message for one in told)
    assert store.mole_fractions.read_origin(id, from_ns(DAY), from_ns(DAY + HOURS * HOUR)).tanks_sha256 == [
        store.tanks.read(list(moved)).sha256
    ]


def _moved(text: str, by: float) -> str:
    """Return a tank file whose CO2 is assigned ``by`` ppm more."""
    import re

    def more(found: re.Match[str]) -> str:
        return f"{found[1]}{float(found[2]) + by}"

    head, *parts = text.split("[[assignment]]")
    changed = [re.sub(r"(c0 = )([\d.]+)", more, part) if '"CO2"' in part else part for part in parts]
    return "[[assignment]]".join([head, *changed])


def test_a_bad_reading_is_not_used(store: Store, samples: AnalyserSamples) -> None:
    import psycopg

    id = register(store)
    row = store.stations.read(id)
    send(store, samples, DAY, DAY + 2 * HOUR)
    part = SCENE.station.mole_fraction
    assert part is not None
    whole = store.mole_fractions.read_raw(row, part.stream, from_ns(DAY), from_ns(DAY + HOUR))
    assert np.isfinite(whole.values).all()
    with psycopg.connect(store.dsn) as connection:
        connection.execute(
            "UPDATE reading SET manual = array_fill(NULL::smallint, ARRAY[cardinality(values)]) WHERE time = %s",
            (from_ns(int(whole.time_ns[3])),),
        )
        connection.execute("UPDATE reading SET manual[2] = 4 WHERE time = %s", (from_ns(int(whole.time_ns[3])),))
    flagged = store.mole_fractions.read_raw(row, part.stream, from_ns(DAY), from_ns(DAY + HOUR))
    expected = whole.values.copy()
    expected[3, 1] = np.nan
    np.testing.assert_array_equal(flagged.values, expected)


def test_a_tank_that_is_not_registered_is_named_and_nothing_is_stored(store: Store, samples: AnalyserSamples) -> None:
    id = store.stations.put(SCENE.station_text, "cn-co2.toml").station.id
    send(store, samples, DAY, DAY + HOUR)
    with pytest.raises(ConfigError, match="fluxtower tank add"):
        make_new(store, store.stations.read(id))
    assert stored(store, id).is_empty()
    assert store.mole_fractions.read_state(store.stations.read(id)) is None


@pytest.fixture
def made(store: Store, samples: AnalyserSamples) -> str:
    id = register(store)
    send(store, samples, DAY, DAY + HOURS * HOUR)
    make_new(store, store.stations.read(id))
    return id


def test_icos_csv_is_read_back_without_loss(store: Store, made: str) -> None:
    row = store.stations.read(made)
    part = SCENE.station.mole_fraction
    assert part is not None
    intake = part.intakes[0]
    series = read_series(store.mole_fractions, row, "CO2", intake, from_ns(DAY), from_ns(DAY + HOURS * HOUR))
    assert icos_name(series) == f"{made}_{part.heights[intake]:g}m_co2.csv"
    text = write_icos(series)
    comments = [line for line in text.splitlines() if line.startswith("# ")]
    assert any("WMO-CO2-X2019" in line for line in comments)
    body = "\n".join(line for line in text.splitlines() if not line.startswith("# "))
    table = pl.read_csv(body.encode(), separator=";")
    own = stored(store, made).filter(
        (pl.col("gas") == "CO2") & (pl.col("intake") == intake) & pl.col("value").is_not_null()
    )
    np.testing.assert_allclose(table["co2"].to_numpy(), own["value"].to_numpy(), atol=5e-4)
    stamps = [datetime(*row, tzinfo=UTC) for row in table.select("Year", "Month", "Day", "Hour", "Minute").iter_rows()]
    assert stamps == own["time"].to_list()
    assert set(zip(own["flag"], table["Flag"], table["QualityId"], strict=True)) <= {
        (1, "U", 1),
        (2, "U", 2),
        (3, "N", 3),
    }
    years = [decimal_year(time) for time in stamps]
    np.testing.assert_allclose(table["DecimalDate"].to_numpy(), years, atol=1e-8)
    assert decimal_year(datetime(2024, 7, 2, tzinfo=UTC)) == 2024.5  # 183 of 366 days


def test_obspack_is_read_by_xarray(store: Store, made: str, tmp_path: Path) -> None:
    row = store.stations.read(made)
    part = SCENE.station.mole_fraction
    assert part is not None
    intake = part.intakes[0]
    series = read_series(store.mole_fractions, row, "CO2", intake, from_ns(DAY), from_ns(DAY + HOURS * HOUR))
    name = obspack_name(series)
    assert name == f"co2_{made}_surface-insitu_fluxtower_allvalid-{part.heights[intake]:g}magl.nc"
    write_obspack(series, tmp_path / name)
    own = series.table
    with xarray.open_dataset(tmp_path / name) as file:
        assert {"time", "start_time", "value", "value_unc", "qcflag", "latitude", "longitude", "altitude"} <= {
            *file.variables
        }
        starts = own["time"].dt.replace_time_zone(None).to_numpy().astype("datetime64[ns]")
        np.testing.assert_array_equal(file["start_time"].values.astype("datetime64[ns]"), starts)
        np.testing.assert_array_equal(file["time"].values.astype("datetime64[ns]"), starts + np.timedelta64(30, "m"))
        np.testing.assert_allclose(file["value"].values * 1e6, own["value"].to_numpy(), rtol=1e-12)
        np.testing.assert_allclose(file["value_unc"].values * 1e6, own["u"].to_numpy(), rtol=1e-12)
        assert file["value"].units == "mol mol-1"
        assert file.attrs["dataset_calibration_scale"] == "WMO-CO2-X2019"
        assert file.attrs["dataset_name"] == name.removesuffix(".nc")
    with netCDF4.Dataset(tmp_path / name) as file:
        flags = netCDF4.chartostring(file["qcflag"][:])
    assert {*zip(own["flag"].to_list(), flags.tolist(), strict=True)} <= {(1, "..."), (2, ".P."), (3, "*..")}


def test_commands(
    settings: Settings, store: Store, samples: AnalyserSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLUXTOWER_DSN", settings.store_dsn)
    monkeypatch.setenv("FLUXTOWER_BROKER", settings.broker_url)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.output

    files = []
    for serial, text in SCENE.tank_texts.items():
        files.append(tmp_path / f"{serial}.toml")
        files[-1].write_text(text)
    assert run("tank", "add", *map(str, files)).count("registered") == len(files)
    assert run("tank", "add", str(files[0])).count("unchanged") == 1
    assert all(serial in run("tank", "list") for serial in SCENE.tank_texts)
    id = store.stations.put(SCENE.station_text, "cn-co2.toml").station.id
    send(store, samples, DAY, DAY + HOURS * HOUR)
    shown = run("mole-fractions", "make", id, "--from", "2026-01-10", "--to", "2026-01-11")
    assert "CO2" in shown
    assert stored(store, id).height > 0
    out = tmp_path / "out"
    period = ("--from", "2026-01-10", "--to", "2026-01-12")
    assert run("mole-fractions", "export", id, *period, "--format", "icos", "--output", str(out)).count(".csv") >= 2
    assert run("mole-fractions", "export", id, *period, "--format", "obspack", "--output", str(out)).count(".nc") >= 2
    assert not [path for path in out.iterdir() if path.name.startswith(".")]
    part = SCENE.station.mole_fraction
    assert part is not None
    times = ("--from", "2026-01-10T20:00", "--to", "2026-01-10T20:30", "--note", "test")
    run("mole-fractions", "event", id, "visit", *times, "--intake", part.intakes[0])
    assert len(store.mole_fractions.read_requests(store.stations.read(id))) == 1
    wrong = CliRunner().invoke(app, ["mole-fractions", "event", id, "visit", *times, "--intake", "roof"])
    assert isinstance(wrong.exception, ConfigError)
