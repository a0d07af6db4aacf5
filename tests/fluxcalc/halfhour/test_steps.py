"""The chain of steps: physics that must hold, and bad data that must not stop it."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import to_ns
from core.errors import ConfigError, ProcessingError
from core.records import FluxRecord
from core.station import Station, parse_station
from core.variables import FLUX_COLUMNS
from fluxcalc.halfhour import steps
from fluxcalc.halfhour.steps import HALF_HOUR_STEPS, REGISTRIES, Meteorology, check_methods, process
from tests.fluxcalc.reference import STATIONS, station
from tests.fluxcalc.samples import START, samples, turbulence, with_channel

FLUXES = ("TAU", "H", "LE", "FC")


def run(channels: dict, name: str = "synthetic", meteorology: Meteorology | None = None) -> FluxRecord:
    return process(samples(channels), station(name), START, meteorology=meteorology)


def variant(name: str, *changes: tuple[str, str]) -> Station:
    text = (STATIONS / f"{name}.toml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse_station(text, f"{name}.toml")


def assert_explained(record: FluxRecord) -> None:
    """Every column is there; what is missing or flagged has a reason, and nothing else has one."""
    assert tuple(record.values) == FLUX_COLUMNS
    for name, value in record.values.items():
        assert not math.isinf(value)
        flagged = name.endswith("_SSITC_TEST") and value > 0
        assert (name in record.reasons) == (math.isnan(value) or flagged), (name, value, record.reasons.get(name))
        assert record.reasons.get(name, "-")


@pytest.fixture(scope="module")
def good() -> FluxRecord:
    return run(turbulence())


def test_a_good_half_hour_has_everything(good):
    assert_explained(good)
    not_yet = ("SC", "SH", "SLE")
    assert [name for name, value in good.values.items() if math.isnan(value)] == list(not_yet)
    assert (good.station, good.start, good.end - good.start) == ("synthetic", START, timedelta(minutes=30))


def test_fluxes_are_what_was_built_in(good):
    """w'Ts' = 0.25 var(w) and so on; signs: heat, vapour upward, momentum and CO2 downward."""
    variance = 0.45**2
    noted = good.diagnostics
    assert noted["cov_w_ts"] == pytest.approx(0.25 * variance, rel=0.05)
    assert noted["raw_co2"] == pytest.approx(-1.5e-6 / 44.01e-3 * variance, rel=0.1)
    assert noted["raw_h2o"] == pytest.approx(0.15e-3 / 18.02e-3 * variance, rel=0.05)
    assert good.values["USTAR"] == pytest.approx(math.sqrt(0.45 * variance), rel=0.05)
    assert good.values["TAU"] == pytest.approx(-1.17 * 0.45 * variance, rel=0.05)
    assert good.values["MO_LENGTH"] < 0
    assert good.values["TA"] == pytest.approx(19.0, abs=0.01)
    assert good.values["PA"] == pytest.approx(98.5, abs=0.01)


def test_units_agree_with_each_other(good):
    values = good.values
    assert values["LE"] == pytest.approx(values["FH2O"] * 1e-3 * 18.02e-3 * 2.455e6, rel=2e-3)
    assert values["ET"] == pytest.approx(values["FH2O"] * 1e-3 * 18.02e-3 * 1800, rel=1e-9)  # kg m-2 is mm
    assert values["CO2_MIXING_RATIO"] == pytest.approx(values["CO2"] / (1 - values["H2O"] * 1e-3))
    assert values["ZL"] == pytest.approx((4.0 - 0.67 * 0.6) / values["MO_LENGTH"])


def still_air_of_constant_ratio(seed: int = 5) -> dict:
    """Air whose temperature fluctuates with the wind while its CO2 and vapour ratios do not: no gas flux at all."""
    channels = turbulence(seed)
    temperature, pressure, water, carbon = channels["Ts"] + 273.15, 98.5e3, 0.010, 400e-6
    dry = pressure / (8.314 * temperature) / (1 + water)  # [mol m-3]
    sonic = temperature * (1 + 0.51 * 0.0062)
    return channels | {
        "Ts": sonic - 273.15,
        "Ta": np.full_like(sonic, channels["Ts"].mean()),
        "press": np.full_like(sonic, pressure / 1e3),
        "co2": dry * carbon * 44.01e-3 * 1e6,
        "h2o": dry * water * 18.02e-3 * 1e3,
    }


def test_density_correction_takes_away_what_only_expansion_made():
    channels = still_air_of_constant_ratio()
    # the same losses would not hit all: heat here, gas there
    record = process(samples(channels), station("synthetic", spectral="none"), START)
    raw = 1e6 * record.diagnostics["raw_co2"]
    assert raw < -2
    assert abs(record.values["FC"]) < 0.02 * abs(raw)
    assert abs(record.values["LE"]) < 0.02 * abs(record.diagnostics["raw_le"])
    uncorrected = process(samples(channels), station("synthetic", density="none", spectral="none"), START)
    assert uncorrected.values["FC"] == pytest.approx(raw)


def test_ratios_to_dry_air_need_no_density_correction():
    channels = still_air_of_constant_ratio()
    n = len(channels["Ux"])
    noise = np.random.default_rng(8).standard_normal((2, n))
    wind = np.roll(channels["Uz"], 3)
    record = run(channels | {"co2": 400 - 0.5 * wind + noise[0], "h2o": 10 + 0.2 * wind + 0.1 * noise[1]}, "closed")
    assert record.diagnostics["lag_co2_s"] == pytest.approx(0.15)
    dry_air = 98.5e3 * 0.87 / (8.314 * 293)  # about; the station has no barometer and stands at 1210 m
    assert record.values["FC"] == pytest.approx(-0.5 * 0.45**2 * dry_air, rel=0.1)
    assert record.values["FC"] == pytest.approx(1e6 * record.diagnostics["raw_co2"] * record.diagnostics["factor_co2"])
    assert record.values["PA"] == pytest.approx(101.3 * math.exp(-1210 / 8200))


def test_fractions_of_moist_air_give_what_ratios_give():
    channels = turbulence(9) | {"co2": 400 - 0.5 * turbulence(9)["Uz"], "h2o": 10 + 0.2 * turbulence(9)["Uz"]}
    ratios = run(channels, "closed")
    dry = 1 / (1 + 1e-3 * channels["h2o"])
    fractions = variant("closed", ("CO2_MIXING_RATIO", "CO2"), ("H2O_MIXING_RATIO", "H2O"))
    moist = channels | {"co2": channels["co2"] * dry, "h2o": channels["h2o"] * dry}
    record = process(samples(moist), fractions, START)
    for name in FLUXES:
        assert record.values[name] == pytest.approx(ratios.values[name], rel=1e-6)


def test_a_density_in_a_closed_path_is_not_guessed():
    closed = variant("closed", ("CO2_MIXING_RATIO", "CO2_DENSITY"), ('"umol mol-1"', '"mg m-3"'))
    record = process(samples(turbulence()), closed, START)
    assert math.isnan(record.values["FC"])
    assert "closed path" in record.reasons["FC"]


@settings(deadline=None, max_examples=10)
@given(st.floats(0, 359), st.floats(-8, 8))
def test_fluxes_do_not_depend_on_how_the_sonic_stands(yaw, pitch):
    def turn(first, second, angle):
        return (
            first * math.cos(angle) - second * math.sin(angle),
            first * math.sin(angle) + second * math.cos(angle),
        )

    channels = turbulence(2)
    x, y, z = channels["Ux"], channels["Uy"], channels["Uz"]
    # two rotations leave a roll about the mean wind: the tilt must be along it
    x, y = turn(x, y, -math.atan2(y.mean(), x.mean()))
    x, z = turn(x, z, math.radians(pitch))
    x, y = turn(x, y, math.radians(yaw))
    # without despiking, whose windows look at single components
    still = station("synthetic", despike="none")
    turned = process(samples(channels | {"Ux": x, "Uy": y, "Uz": z}), still, START)
    straight = process(samples(channels), still, START)
    for name in FLUXES:
        assert turned.values[name] == pytest.approx(straight.values[name], rel=1e-6)
    assert turned.values["WS"] == pytest.approx(straight.values["WS"])


@pytest.mark.parametrize(
    ("model", "offset", "u", "v", "direction"),
    [
        # a sonic whose u points north with the wind: u > 0 blows to the north, from the south
        ("HS-50", 0, 1, 0, 180),
        ("HS-50", 0, -1, 0, 0),
        # v points west: v > 0 blows to the west, from the east
        ("HS-50", 0, 0, 1, 90),
        ("HS-50", 30, 1, 0, 210),
        # a CSAT3 that points north measures u > 0 for wind that comes from the north
        ("CSAT3", 0, 1, 0, 0),
        ("CSAT3", 45, 1, 0, 45),
    ],
)
def test_wind_direction(model, offset, u, v, direction):
    turned = variant("synthetic", ('"CSAT3"', f'"{model}"\nnorth_offset = {offset}.0'))
    channels = turbulence()
    wind = {"Ux": u * 3 + 0.1 * channels["Uz"], "Uy": v * 3 + 0.1 * channels["Uz"]}
    record = process(samples(channels | wind), turned, START)
    assert (record.values["WD"] - direction + 180) % 360 - 180 == pytest.approx(0, abs=0.5)


def test_a_gas_that_comes_late_is_found():
    channels = turbulence(4)
    channels["co2"] = np.roll(channels["co2"], 6)
    assert run(channels).diagnostics["lag_co2_s"] == pytest.approx(0.3)
    assert process(samples(channels), station("synthetic", lag="none"), START).diagnostics["lag_co2_s"] == 0


def test_no_maximum_inside_the_window_means_the_nominal_lag():
    channels = turbulence(4)
    channels["co2"] = np.roll(channels["co2"], 14)  # the end of the window of 0.71 s
    record = run(channels)
    assert record.diagnostics["lag_co2_s"] == 0
    assert record.diagnostics["lag_co2_nominal"] == 1


def test_a_trend_is_flagged_as_not_stationary():
    channels = turbulence(6)
    n = len(channels["Uz"])
    ramp = np.linspace(-1, 1, n)
    channels["h2o"] = channels["h2o"] - 0.6 * ramp
    channels["Uz"] = channels["Uz"] + 0.3 * ramp
    record = process(samples(channels), station("synthetic", rotation="none", lag="none"), START)
    assert record.values["LE_SSITC_TEST"] == 2
    assert "not stationary" in record.reasons["LE_SSITC_TEST"]


# --- sensors beside the stream


def test_slow_sensors_come_first(good):
    slow = run(turbulence(), meteorology=Meteorology(air_temperature=290.0, pressure=97e3))
    assert slow.values["TA"] == pytest.approx(16.85)
    assert slow.values["PA"] == pytest.approx(97.0)
    assert slow.diagnostics["temperature_source"] == slow.diagnostics["pressure_source"] == 0
    assert good.diagnostics["temperature_source"] == good.diagnostics["pressure_source"] == 1


def test_the_sonic_gives_the_air_temperature_if_nothing_else_does():
    channels = turbulence()
    del channels["Ta"], channels["press"]
    record = run(channels)
    assert record.diagnostics["temperature_source"] == record.diagnostics["pressure_source"] == 2
    humidity = 9e-3 / 1.17
    assert record.values["TA"] + 273.15 == pytest.approx(
        (record.values["T_SONIC"] + 273.15) / (1 + 0.51 * humidity), 2e-4
    )


def test_without_vapour_flux_heat_is_at_best_usable_and_co2_is_missing():
    channels = turbulence() | {"h2o": np.full(36000, np.nan)}
    record = run(channels, meteorology=Meteorology(relative_humidity=0.6))
    assert_explained(record)
    assert record.values["RH"] == pytest.approx(60, rel=1e-3)
    assert record.values["H_SSITC_TEST"] == 1
    assert "humidity" in record.reasons["H_SSITC_TEST"]
    assert math.isnan(record.values["FC"])
    assert "h2o" in record.reasons["FC"]


# --- bad data


@pytest.mark.parametrize(
    ("channel", "lost"),
    [
        ("Ux", ("TAU", "H", "LE", "FC", "WS", "WD")),
        ("Uz", ("TAU", "H", "LE", "FC", "WS")),
        ("Ts", ("H", "LE", "FC", "T_SONIC")),
        ("co2", ("FC", "CO2")),
        ("h2o", ("LE", "FC", "RH")),
        ("Ta", ()),
        ("press", ()),
    ],
)
@pytest.mark.parametrize("fault", ["nan", "frozen", "absent", "absurd", "a tenth missing"])
def test_a_bad_channel_takes_with_it_only_what_needs_it(channel, lost, fault, good):
    channels = turbulence()
    if fault == "absent":
        del channels[channel]
    else:
        values = channels[channel].copy()
        if fault == "a tenth missing":
            values[:3700] = np.nan
        else:
            values[:] = {"nan": math.nan, "frozen": values[0], "absurd": -9999.0}[fault]
        channels[channel] = values
    record = run(channels)
    assert_explained(record)
    for name in FLUX_COLUMNS:
        base = name.removesuffix("_SSITC_TEST")
        if base in lost:
            assert math.isnan(record.values[name]), name
    for name in FLUXES:
        if name not in lost:
            assert record.values[name] == pytest.approx(good.values[name], rel=0.15), name


@pytest.mark.parametrize("valid", [0, 1, 2, 5])
def test_a_handful_of_samples_gives_reasons_and_no_fluxes(valid):
    channels = {name: np.where(np.arange(36000) < valid, values, np.nan) for name, values in turbulence().items()}
    record = run(channels)
    assert_explained(record)
    assert all(math.isnan(record.values[name]) for name in FLUXES)


def test_short_and_empty_stretches_are_placed_in_time():
    five = {name: values[:5] for name, values in turbulence().items()}
    assert_explained(run(five))
    assert_explained(run({name: values[:0] for name, values in five.items()}))
    assert_explained(run({}))


def test_samples_around_the_interval_are_cut_off(good):
    channels = turbulence()
    pad = np.full(100, 1e3)
    longer = {name: np.concatenate([pad, values, pad]) for name, values in channels.items()}
    early = replace(samples(longer), start_ns=to_ns(START) - 100 * 50_000_000)
    assert process(early, station("synthetic"), START).values == good.values


def test_a_few_missing_samples_change_little(good):
    channels = turbulence()
    lost = np.random.default_rng(0).uniform(size=36000) < 0.03
    record = run({name: np.where(lost, np.nan, values) for name, values in channels.items()})
    for name in FLUXES:
        assert record.values[name] == pytest.approx(good.values[name], rel=0.05)


def test_nothing_that_is_given_is_changed():
    given_samples = samples(turbulence())
    before = {name: values.copy() for name, values in given_samples.channels.items()}
    spiked = with_channel(given_samples, Ts=before["Ts"] + 20 * (np.arange(36000) % 5000 == 7))
    spikes = spiked.channels["Ts"].copy()
    record = process(spiked, station("synthetic"), START)
    assert record.diagnostics["spikes_ts"] >= 8
    assert (spiked.channels["Ts"] == spikes).all()
    assert all((given_samples.channels[name] == values).all() for name, values in before.items())


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_no_bad_data_is_an_exception(data):
    channels = turbulence(data.draw(st.integers(0, 3)), 1200)
    for name in channels:
        fault = data.draw(st.sampled_from(["none", "none", "gaps", "zero", "huge", "steps", "absent"]), name)
        if fault == "gaps":
            channels[name][data.draw(st.integers(0, 1199)) :] = np.nan
        elif fault == "zero":
            channels[name] = np.zeros(1200)
        elif fault == "huge":
            channels[name] = channels[name] * 1e30
        elif fault == "steps":
            channels[name] = np.where(np.arange(1200) % 2, 0.0, 1.0)
        elif fault == "absent":
            channels[name] = channels[name][:0]
    one_minute = variant("synthetic", ("averaging_minutes = 30", "averaging_minutes = 1"))
    assert_explained(process(samples(channels), one_minute, START))


# --- methods and errors


def test_steps_and_registries_are_complete():
    first = ["import_channels", "apply_instrument_diagnostics", "remove_impossible", "despike"]
    assert [step.__name__ for step in HALF_HOUR_STEPS][:4] == first
    assert set(REGISTRIES) == set(type(station("synthetic").flux.methods).model_fields)


def test_every_method_of_every_registry_gives_a_half_hour():
    for key, registry in REGISTRIES.items():
        for name in registry:
            chosen = station("synthetic", **{key: name})
            check_methods(chosen, "synthetic.toml")
            assert_explained(process(samples(turbulence()), chosen, START))


def test_an_unknown_method_names_the_choices():
    with pytest.raises(ConfigError, match=r"tower\.toml: flux\.methods\.rotation: .*none, double.*'tripple'"):
        check_methods(station("synthetic", rotation="tripple"), "tower.toml")


def test_a_step_that_fails_says_which_where_and_when(monkeypatch):
    def collapse(half, station):
        raise ZeroDivisionError("no air")

    monkeypatch.setattr(steps, "HALF_HOUR_STEPS", (*HALF_HOUR_STEPS[:4], collapse))
    with pytest.raises(ProcessingError, match=r"synthetic 2024-06-20T12:00Z: step collapse failed: .*no air"):
        run(turbulence())
