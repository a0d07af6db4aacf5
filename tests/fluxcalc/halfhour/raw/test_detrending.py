"""Detrending: what it takes away, what it must leave alone, and what its transfer function says of it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.records import FluxRecord
from core.station import Station, parse_station
from fluxcalc.halfhour.raw.detrending import DETRENDING, HIGH_PASS
from fluxcalc.halfhour.spectral.transfer import pass_block_average, pass_line_removed, pass_mean_removed
from fluxcalc.halfhour.steps import process
from fluxcalc.kernels.detrend import fading_mean, line, running_mean
from tests.fluxcalc.reference import STATIONS, station
from tests.fluxcalc.samples import START, samples, turbulence

DT = 0.05
T = np.arange(36000) * DT
METHODS = ("linear", "running_mean", "exponential")


def detrending(method: str, seconds: float | None = None) -> Station:
    text = (STATIONS / "synthetic.toml").read_text() + f'\n[flux.methods]\ndetrend = "{method}"\n'
    if seconds is not None:
        text += f"\n[flux.options]\ndetrend_seconds = {seconds}\n"
    return parse_station(text, "synthetic.toml")


def run(channels: dict, method: str, seconds: float | None = None) -> FluxRecord:
    return process(samples(channels), detrending(method, seconds), START)


def power_left(frequency: float, slow, first: int = 0, phases: int = 24) -> float:
    """Part of a wave's variance that is left without its slow part, on average over its phase."""
    left = 0.0
    for phase in np.arange(phases) / phases * 2 * np.pi:
        wave = np.sin(2 * np.pi * frequency * T + phase)
        left += np.mean((wave - slow(wave))[first:] ** 2)
    return 2 * left / phases


@pytest.mark.parametrize("cycles", [0.3, 1.0, 1.7, 4.2, 30.0])
def test_a_line_takes_from_waves_what_its_transfer_function_says(cycles):
    frequency = cycles / 1800
    measured = power_left(frequency, lambda wave: line(wave, 1))
    assert pass_line_removed(np.array([frequency]), 1800.0)[0] == pytest.approx(measured, abs=1e-4)


@pytest.mark.parametrize("cycles", [0.3, 1.0, 4.2])
def test_lines_through_parts_take_what_their_length_says(cycles):
    frequency = cycles / 300
    measured = power_left(frequency, lambda wave: line(wave, 6))
    assert pass_line_removed(np.array([frequency]), 300.0)[0] == pytest.approx(measured, abs=2e-4)


@pytest.mark.parametrize("frequency", [1 / 900, 1 / 250, 1 / 60, 1.0])
def test_a_fading_mean_takes_from_waves_what_its_transfer_function_says(frequency):
    """After the start has faded. The newest sample's own weight counts for each of the two members of a product."""
    tau = 100.0
    measured = power_left(frequency, lambda wave: fading_mean(wave, round(tau / DT)), first=18000)
    said = pass_mean_removed(np.array([frequency]), tau, DT)[0] * math.exp(-DT / tau)
    assert said == pytest.approx(measured, abs=2e-3)


def test_each_method_has_a_transfer_function():
    assert set(HIGH_PASS) == set(DETRENDING)


def test_transfer_functions_rise_from_nothing_to_nearly_all():
    slow, fast = np.array([1e-6]), np.array([5.0])
    for response in (
        lambda f: pass_block_average(f, 1800.0),
        lambda f: pass_line_removed(f, 1800.0),
        lambda f: pass_mean_removed(f, 250.0, DT),
    ):
        assert 0 <= response(slow)[0] < 1e-4
        assert 0.999 < response(fast)[0] <= 1


def test_a_line_takes_more_than_the_mean_and_parts_take_more_than_a_line():
    frequencies = np.geomspace(1 / 5000, 0.01, 50)
    block, whole = pass_block_average(frequencies, 1800.0), pass_line_removed(frequencies, 1800.0)
    assert (whole <= block).all()
    slow = frequencies < 1 / 1800
    assert (pass_line_removed(frequencies, 300.0)[slow] < whole[slow]).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_drift_makes_no_flux(method):
    """A sensor that drifts evenly while the wind freshens: with block averages that looks like a flux."""
    channels = turbulence()
    ramp = T / 1800 - 0.5
    drifting = channels | {"Uz": channels["Uz"] + 0.2 * ramp, "Ts": channels["Ts"] + 2.0 * ramp}
    still, moved = run(channels, method), run(drifting, method)
    by_drift = 0.2 * 2.0 / 12
    moved_block = run(drifting, "block").diagnostics["cov_w_ts"] - run(channels, "block").diagnostics["cov_w_ts"]
    assert moved_block == pytest.approx(by_drift, rel=0.2)
    left = moved.diagnostics["cov_w_ts"] - still.diagnostics["cov_w_ts"]
    # the drift tilts the streamline a little: turbulence itself is not quite the same
    assert abs(left) < (0.01 if method == "linear" else 0.1) * by_drift


@pytest.mark.parametrize("method", METHODS)
def test_the_mean_state_lags_and_stationarity_do_not_depend_on_detrending(method):
    channels = turbulence(4)
    channels["co2"][5000:5100] = np.nan
    plain, other = run(channels, "block"), run(channels, method)
    for name in ("TA", "T_SONIC", "RH", "VPD", "CO2", "H2O", "PA", "WS", "WD", "CO2_MIXING_RATIO"):
        assert other.values[name] == pytest.approx(plain.values[name], rel=1e-9)
    for name, value in plain.diagnostics.items():
        if name.startswith(("lag_", "stationarity_", "valid_", "spikes_")):
            assert other.diagnostics[name] == value, name
    assert other.diagnostics["cov_w_ts"] != plain.diagnostics["cov_w_ts"]


def test_white_turbulence_loses_hardly_anything():
    plain = run(turbulence(6), "block").diagnostics
    for method in METHODS:
        noted = run(turbulence(6), method).diagnostics
        for name in ("cov_w_ts", "cov_ww", "cov_w_h2o"):
            assert noted[name] == pytest.approx(plain[name], rel=2e-3), (method, name)


def test_shorter_time_constants_need_larger_factors():
    for method in METHODS:
        factors = [run(turbulence(3), method, seconds).diagnostics["factor_h"] for seconds in (600, 120, 30)]
        assert factors == sorted(factors)
        assert factors[-1] > factors[0] + 0.01


def test_a_line_without_a_time_constant_goes_through_the_whole_interval():
    whole, same = run(turbulence(), "linear"), run(turbulence(), "linear", 1800)
    assert same.values["H"] == whole.values["H"]
    assert run(turbulence(), "linear", 300).values["H"] != whole.values["H"]


def test_a_running_mean_longer_than_the_interval_is_the_mean_so_far():
    x = np.random.default_rng(0).normal(size=100)
    assert running_mean(x, 5000) == pytest.approx(np.cumsum(x) / np.arange(1, 101))


@pytest.mark.parametrize("method", METHODS)
def test_few_samples_do_not_stop_it(method):
    few = {name: values[:5] for name, values in turbulence().items()}
    record = process(samples(few), station("synthetic", detrend=method), START)
    assert math.isnan(record.values["H"])
