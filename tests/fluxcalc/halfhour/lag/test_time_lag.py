"""Lags: every method on signals whose lag is built in, windows from geometry, words or fits, and the fit itself."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from core.errors import ConfigError
from core.records import FluxRecord
from core.station import Station, parse_station
from core.variables import FLUX_COLUMNS
from fluxcalc.halfhour.fits import NOTHING_FITTED, Fits, LagWindow
from fluxcalc.halfhour.lag.lag_fit import fit_lags, window_of
from fluxcalc.halfhour.lag.time_lag import fitted_window, lag_window
from fluxcalc.halfhour.steps import process
from tests.fluxcalc.reference import STATIONS
from tests.fluxcalc.samples import START, samples, turbulence

DT = 0.05


def lagging(method: str, options: str = "", name: str = "synthetic") -> Station:
    text = (STATIONS / f"{name}.toml").read_text() + f'\n[flux.methods]\nlag = "{method}"\n' + options
    return parse_station(text, f"{name}.toml")


def said(gas: str, **limits: float) -> str:
    return f"\n[flux.options.lag_windows.{gas}]\n" + "".join(f"{key} = {value}\n" for key, value in limits.items())


def late(seconds: dict[str, float], seed: int = 0) -> dict:
    """Return turbulence whose gases come late."""
    channels = turbulence(seed)
    return channels | {gas: np.roll(channels[gas], round(lag / DT)) for gas, lag in seconds.items()}


def run(channels: dict, station: Station, fits: Fits = NOTHING_FITTED) -> FluxRecord:
    return process(samples(channels), station, START, fits=fits)


def lags(record: FluxRecord) -> list[float]:
    return [round(record.diagnostics[f"lag_{gas}_s"], 9) for gas in ("co2", "h2o")]


# --- methods


@pytest.mark.parametrize("method", ["covariance_maximum", "covariance_maximum_only"])
def test_a_lag_within_the_window_is_found(method):
    record = run(late({"co2": 0.2, "h2o": -0.15}), lagging(method))
    assert lags(record) == [0.2, -0.15]
    assert [record.diagnostics[f"lag_{gas}_{what}"] for gas in ("co2", "h2o") for what in ("nominal", "at_edge")] == [
        0
    ] * 4


def test_at_the_end_of_the_window_only_the_default_gives_way():
    """The window of this station ends at 0.7 s, and that is the true lag."""
    channels = late({"co2": 0.7})
    default, without = (run(channels, lagging(name)) for name in ("covariance_maximum", "covariance_maximum_only"))
    assert (lags(default)[0], lags(without)[0]) == (0.0, 0.7)
    assert (default.diagnostics["lag_co2_nominal"], without.diagnostics["lag_co2_nominal"]) == (1, 0)
    assert math.isnan(without.diagnostics["lag_co2_maximum_s"])
    assert without.diagnostics["lag_h2o_maximum_s"] == pytest.approx(0.0)
    assert default.diagnostics["lag_co2_at_edge"] == without.diagnostics["lag_co2_at_edge"] == 1
    assert abs(without.diagnostics["cov_w_co2"]) > 10 * abs(default.diagnostics["cov_w_co2"])


def test_a_constant_lag_is_taken_as_said():
    channels = late({"co2": 0.2, "h2o": 0.4})
    record = run(channels, lagging("constant", said("CO2", nominal=0.2)))
    assert lags(record) == [0.2, 0.0]
    found = run(channels, lagging("covariance_maximum"))
    assert record.diagnostics["cov_w_co2"] == found.diagnostics["cov_w_co2"]


def test_a_constant_lag_of_a_tube_is_volume_over_flow():
    station = lagging("constant", name="closed")
    (analyzer,) = station.analyzer
    volume = math.pi / 4 * analyzer.tube_diameter**2 * analyzer.tube_length + 16e-6
    expected = volume / (analyzer.flow_rate * 1e-3 / 60)
    record = run(turbulence(), station)
    assert lags(record) == [pytest.approx(expected, abs=DT / 2)] * 2


def test_no_lag_leaves_gases_alone():
    assert lags(run(late({"co2": 0.2}), lagging("none"))) == [0.0, 0.0]


def test_a_lag_longer_than_the_interval_leaves_no_gas_and_stops_nothing():
    text = (STATIONS / "synthetic.toml").read_text().replace("averaging_minutes = 30", "averaging_minutes = 1")
    station = parse_station(text + said("CO2", nominal=100, earliest=90, latest=110), "short.toml")
    record = process(samples({name: values[:1200] for name, values in turbulence().items()}), station, START)
    assert math.isnan(record.values["FC"])
    assert record.diagnostics["lag_co2_nominal"] == 1
    assert not math.isnan(record.values["LE"])


# --- windows


def test_a_window_may_be_said_for_each_gas():
    channels = late({"co2": 2.0, "h2o": 2.0})
    station = lagging("covariance_maximum", said("CO2", nominal=1.5, earliest=1.0, latest=3.0))
    assert lags(run(channels, station))[0] == 2.0
    assert lag_window("co2", station) == LagWindow(1.5, 1.0, 3.0)
    assert lag_window("h2o", station) == lag_window("h2o", lagging("covariance_maximum"))


def test_a_nominal_lag_alone_moves_the_window():
    plain, moved = lagging("constant"), lagging("constant", said("CO2", nominal=5))
    before, after = lag_window("co2", plain), lag_window("co2", moved)
    assert after.nominal == 5
    assert [after.earliest, after.latest] == pytest.approx([before.earliest + 5, before.latest + 5])


def test_a_window_alone_takes_the_nearest_lag_for_nominal():
    assert lag_window("co2", lagging("constant", said("CO2", earliest=1, latest=3))) == LagWindow(1, 1, 3)
    assert lag_window("co2", lagging("constant", said("CO2", earliest=-1, latest=3))) == LagWindow(0, -1, 3)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"earliest": 1.0}, r"lag_windows\.CO2\.latest: expected a value"),
        ({"nominal": 4.0, "earliest": 1.0, "latest": 3.0}, "expected earliest <= nominal <= latest, got 1, 4, 3"),
        ({"nominal": 1000.0}, "nominal"),
    ],
)
def test_windows_that_cannot_be_are_refused(limits, message):
    with pytest.raises(ConfigError, match=message):
        lagging("covariance_maximum", said("CO2", **limits))


# --- fitted windows

DRY, WET = LagWindow(0.3, 0.2, 0.4, (0.0, 0.5)), LagWindow(2.0, 1.0, 3.0, (0.5, 1.0))


def test_humidity_chooses_the_window():
    chosen = [fitted_window((DRY, WET), humidity) for humidity in (0.0, 0.49, 0.5, 1.0, 1.03)]
    assert chosen == [DRY, DRY, WET, WET, WET]
    assert fitted_window((DRY, WET), math.nan) is None
    assert fitted_window((DRY,), math.nan) == DRY
    assert fitted_window((), 0.5) is None


@pytest.mark.parametrize(("water", "window", "true"), [(6.0, DRY, 0.3), (14.0, WET, 2.2)])
def test_vapour_is_sought_where_its_humidity_says(water, window, true):
    """19 deg C: 6 g m-3 is about 37 %, 14 g m-3 about 86 %."""
    channels = late({"co2": 0.2, "h2o": true})
    channels["h2o"] = channels["h2o"] - channels["h2o"].mean() + water
    fits = Fits(lags={"co2": (LagWindow(0.2, 0.1, 0.3),), "h2o": (DRY, WET)})
    record = run(channels, lagging("optimised"), fits)
    assert window.humidity[0] <= record.values["RH"] / 100 < window.humidity[1]
    assert lags(record) == [0.2, true]
    assert record.diagnostics["lag_h2o_fitted"] == 1


def test_outside_its_fitted_window_a_gas_takes_the_nominal_lag():
    fits = Fits(lags={"co2": (LagWindow(0.4, 0.35, 0.5),)})
    record = run(late({"co2": 0.1, "h2o": 0.2}), lagging("optimised"), fits)
    assert lags(record)[0] == 0.4
    assert record.diagnostics["lag_co2_nominal"] == 1


def test_without_a_fit_geometry_gives_the_window():
    channels = late({"co2": 0.2, "h2o": 0.3})
    optimised, plain = run(channels, lagging("optimised")), run(channels, lagging("covariance_maximum"))
    assert optimised.values == pytest.approx(plain.values, nan_ok=True)
    assert optimised.diagnostics["lag_co2_fitted"] == 0


# --- the fit

STEP = 0.05
"""Time between samples. [s]"""


def found(lag: float, humidity: float = 50.0, **noted: float) -> FluxRecord:
    values = dict.fromkeys(FLUX_COLUMNS, math.nan) | {"RH": humidity}
    diagnostics = {"raw_co2": -8e-6, "raw_le": 150.0}
    for gas in ("co2", "h2o"):
        diagnostics[f"lag_{gas}_maximum_s"] = lag
    return FluxRecord("x", START, START + timedelta(minutes=30), values, {}, diagnostics | noted)


def test_a_window_is_the_median_and_one_and_a_half_deviations():
    """Of 1 2 3 4 100 the median is 3, the deviations from it are 2 1 0 1 97, their median is 1 and sd 1/0.6745."""
    window = window_of(np.array([4.0, 1.0, 100.0, 3.0, 2.0]), 0.05)
    assert (window.nominal, window.earliest, window.latest) == pytest.approx((3.0, 0.75, 5.25))  # 3 +- 2.22


@pytest.mark.parametrize(("step", "reach"), [(0.05, 0.15), (0.1, 0.3), (0.2, 0.6)])
def test_a_window_is_never_narrower_than_what_samples_resolve(step, reach):
    """Most lags equal: one and a half deviations of one sample, 2.22 samples, rounded away from the median."""
    window = window_of(np.array([1.0] * 9 + [1.0 + step]), step)
    assert (window.nominal, window.earliest, window.latest) == pytest.approx((1.0, 1.0 - reach, 1.0 + reach))


def test_only_true_maxima_of_strong_fluxes_count():
    good = [found(lag) for lag in (0.9, 1.0, 1.0, 1.1) * 5]
    bad = [
        found(math.nan),
        found(9.0, raw_co2=1.9e-6, raw_le=-19.0),
        found(9.0, raw_co2=math.nan, raw_le=math.nan),
    ] * 50
    assert fit_lags(good + bad, STEP) == fit_lags(good, STEP)
    (window,) = fit_lags(good, STEP)["co2"]
    # deviations of 0.05, sd 0.0741: 1 +- 0.111, to the next sample
    assert (window.nominal, window.earliest, window.latest) == pytest.approx((1.0, 0.85, 1.15))


def test_too_few_lags_make_no_fit():
    assert fit_lags([found(1.0)] * 9, STEP) == {}
    assert set(fit_lags([found(1.0)] * 10, STEP)) == {"co2", "h2o"}
    constant = found(1.0)
    del constant.diagnostics["lag_co2_maximum_s"]  # as ``constant`` and ``none`` leave it
    assert "co2" not in fit_lags([constant] * 20, STEP)


def test_vapour_is_fitted_by_class_of_humidity():
    """Lags grow with humidity; a class without enough takes the nearest, the moister of two."""
    records = [found(1.0, 25.0)] * 20 + [found(3.0, 65.0)] * 20 + [found(7.0, 104.0)] * 20 + [found(50.0, 75.0)] * 3
    windows = fit_lags(records, STEP)["h2o"]
    assert [window.humidity for window in windows] == [(k / 10, (k + 1) / 10) for k in range(10)]
    assert [window.nominal for window in windows] == [1, 1, 1, 1, 3, 3, 3, 3, 7, 7]
    assert len(fit_lags(records, STEP)["co2"]) == 1


def test_vapour_without_humidity_is_fitted_as_one():
    (window,) = fit_lags([found(1.0, math.nan)] * 20, STEP)["h2o"]
    assert (window.nominal, window.humidity) == (1.0, (0.0, 1.0))


def test_a_fit_of_half_hours_finds_what_was_built_in():
    station = lagging("covariance_maximum")
    records = [run(late({"co2": 0.25 + 0.05 * (seed % 3), "h2o": 0.2}, seed), station) for seed in range(12)]
    fitted = fit_lags(records, STEP)
    (carbon,) = fitted["co2"]
    assert carbon.nominal == pytest.approx(0.3)
    assert carbon.latest - carbon.earliest == pytest.approx(0.3)  # 0.3 +- 0.111, to the next sample
    again = run(late({"co2": 0.3, "h2o": 0.2}, 99), lagging("optimised"), Fits(lags=fitted))
    assert lags(again) == [0.3, 0.2]


def test_a_fit_of_half_hours_made_in_fitted_windows_does_not_narrow_them():
    wrong = Fits(lags={"co2": (LagWindow(0.5, 0.45, 0.55),), "h2o": (LagWindow(0.0, 0.0, 0.0),)})
    records = [run(late({"co2": 0.3, "h2o": 0.2}, seed), lagging("optimised"), wrong) for seed in range(10)]
    assert {tuple(lags(record)) for record in records} == {(0.5, 0.0)}
    # white turbulence has no flux at any lag but its own; that of air fades slowly
    strong = [
        replace(record, diagnostics=record.diagnostics | {"raw_co2": -8e-6, "raw_le": 150.0}) for record in records
    ]
    again = fit_lags(strong, STEP)
    assert (again["co2"][0].nominal, again["h2o"][0].nominal) == pytest.approx((0.3, 0.2))
