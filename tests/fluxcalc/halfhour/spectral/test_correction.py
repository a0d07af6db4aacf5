"""Spectral corrections: shapes from the papers, limits of each loss, and what bad geometry or data must not break."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.records import FluxRecord
from core.station import Station, parse_station
from fluxcalc.halfhour.spectral.model_cospectra import momentum_cospectrum, scalar_cospectrum
from fluxcalc.halfhour.spectral.transfer import (
    pass_block_average,
    pass_first_order,
    pass_line,
    pass_separation,
    pass_sonic_path,
    pass_tube,
)
from fluxcalc.halfhour.steps import process
from tests.fluxcalc.reference import STATIONS, station
from tests.fluxcalc.samples import START, samples, turbulence

N = np.geomspace(1e-6, 1e4, 20_001)
RISING = np.geomspace(1e-5, 1e2, 501)
LI_7200 = {"length": 0.711, "diameter": 0.0053, "temperature": 288.15, "pressure": 101.325e3}
FACTORS = ("tau", "h", "h2o", "co2")


def variant(*changes: tuple[str, str]) -> Station:
    text = (STATIONS / "synthetic.toml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse_station(text, "synthetic.toml")


def factors(record: FluxRecord) -> dict[str, float]:
    return {name: record.diagnostics[f"factor_{name}"] for name in FACTORS}


# --- cospectra


@pytest.mark.parametrize("cospectrum", [momentum_cospectrum, scalar_cospectrum])
@pytest.mark.parametrize("stability", [-2.0, 0.0, 0.05, 1.0, 5.0])
def test_cospectra_hold_the_whole_covariance(cospectrum, stability):
    """The papers normalise them: over all frequencies the integral is 1."""
    assert np.trapezoid(cospectrum(N, stability) * N, np.log(N)) == pytest.approx(1.0, abs=0.002)


def test_stable_air_exchanges_faster():
    peaks = [N[np.argmax(N * scalar_cospectrum(N, stability))] for stability in (-1.0, 0.05, 0.5, 2.0)]
    assert peaks == sorted(peaks)
    assert peaks[0] < peaks[-1] / 10


def test_unknown_stability_counts_as_neutral():
    assert (scalar_cospectrum(N, math.nan) == scalar_cospectrum(N, 0.0)).all()
    assert (momentum_cospectrum(N, math.nan) == momentum_cospectrum(N, -1.0)).all()


# --- transfer functions


@pytest.mark.parametrize(
    "response",
    [
        pass_sonic_path(RISING),
        pass_line(RISING),
        pass_separation(RISING),
        pass_first_order(RISING, 0.1),
        pass_tube(RISING, "co2", flow=2.5e-4, **LI_7200),
        pass_tube(RISING, "h2o", flow=0.5e-4, **LI_7200),
    ],
)
def test_sensors_keep_slow_and_lose_fast(response):
    assert response[0] == pytest.approx(1.0, abs=1e-4)
    assert (np.diff(response) < 1e-10).all()
    assert ((response >= 0) & (response < 1 + 1e-9)).all()
    assert response[-1] < 0.1


def test_an_interval_keeps_fast_and_loses_slow():
    """Removing a mean leaves, of a wave with random phase, this part of its variance; here by averaging over phases."""
    frequency, averaging = np.array([1e-5, 2e-4, 1e-3, 0.01, 1.0]), 1800.0
    time = (np.arange(20_000) + 0.5) / 20_000 * averaging
    for f, kept in zip(frequency, pass_block_average(frequency, averaging), strict=True):
        phases = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        waves = np.sin(2 * np.pi * f * time + phases[:, None])
        assert waves.var(axis=1).mean() / 0.5 == pytest.approx(kept, abs=1e-4)


def test_first_order_is_at_half_power_where_its_time_constant_says():
    assert pass_first_order(np.array([1 / (2 * math.pi * 0.1)]), 0.1)[0] == pytest.approx(math.sqrt(0.5))


def test_laminar_tube_is_taylor_dispersion():
    """A pulse spreads with K = r^2 v^2/(48 D) while it travels; a wave of frequency f fades by exp(-K w^2 L/v^3)."""
    flow, radius, length = 5e-5, 0.0053 / 2, 0.711
    speed = flow / (math.pi * radius**2)
    dispersion = radius**2 * speed**2 / (48 * 0.2178e-4 * (288.15 / 273.15) ** 1.81)
    frequency = np.array([0.5, 2.0, 8.0])
    expected = np.exp(-dispersion * (2 * np.pi * frequency) ** 2 * length / speed**3)
    assert pass_tube(frequency, "h2o", flow=flow, **LI_7200) == pytest.approx(expected, rel=1e-12)


def test_turbulent_tube_is_taylor_dispersion_too():
    """K = 10.1 r u* with Blasius' friction, Taylor (1954); that the constant comes out round costs a percent."""
    flow, radius, length = 2.5e-4, 0.0053 / 2, 0.711
    speed = flow / (math.pi * radius**2)
    reynolds = 2 * radius * speed / 1.461e-5  # of air at 15 deg C, from tables
    dispersion = 10.1 * radius * speed * math.sqrt(0.316 * reynolds**-0.25 / 8)
    lost = dispersion * (2 * np.pi * 5.0) ** 2 * length / speed**3
    assert -np.log(pass_tube(np.array([5.0]), "co2", flow=flow, **LI_7200))[0] == pytest.approx(lost, rel=0.02)


# --- the step


def test_by_default_what_was_lost_is_given_back():
    record = process(samples(turbulence()), station("synthetic"), START)
    found = factors(record)
    assert 1 < found["tau"] < found["h"] < found["h2o"] == found["co2"] < 1.3
    raw = record.diagnostics
    assert record.values["USTAR"] == pytest.approx(raw["raw_ustar"] * math.sqrt(found["tau"]))
    assert raw["spectral_default_sonic"] == raw["spectral_default_co2"] == 0


def test_none_gives_nothing_back():
    record = process(samples(turbulence()), station("synthetic", spectral="none"), START)
    assert set(factors(record).values()) == {1.0}
    assert record.values["USTAR"] == record.diagnostics["raw_ustar"]


def test_both_parts_together_are_about_their_product():
    whole, fast, slow = (
        factors(process(samples(turbulence()), station("synthetic", spectral=f"moncrieff_1997{part}"), START))
        for part in ("", "_fast", "_slow")
    )
    for name in FACTORS:
        assert min(fast[name], slow[name]) > 1
        assert whole[name] == pytest.approx(fast[name] * slow[name], rel=1e-3)


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(0.01, 1))
def test_distance_costs_gas_and_nothing_else(near, further):
    near_record, far_record = (
        process(
            samples(turbulence(n=1200)),
            variant(
                ("northward_separation = 0.12", f"northward_separation = {-distance}"),
                ("averaging_minutes = 30", "averaging_minutes = 1"),
            ),
            START,
        )
        for distance in (near, near + further)
    )
    assert factors(far_record)["co2"] > factors(near_record)["co2"]
    assert factors(far_record)["h"] == factors(near_record)["h"]


def test_unknown_sensors_are_ordinary_and_noted():
    unknown = variant(('"CSAT3"', '"Windmaster"'), ('"LI-7500"', '"EC150"'))
    record = process(samples(turbulence()), unknown, START)
    assert [record.diagnostics[f"spectral_default_{name}"] for name in ("sonic", "co2", "h2o")] == [1, 1, 1]
    known = factors(process(samples(turbulence()), station("synthetic"), START))
    for name, factor in factors(record).items():
        assert factor == pytest.approx(known[name], rel=0.01)


def test_momentum_needs_no_stability():
    channels = turbulence()
    del channels["Ts"]
    record = process(samples(channels), station("synthetic"), START)
    assert math.isnan(record.values["H"])
    assert record.values["TAU"] == pytest.approx(
        process(samples(turbulence()), station("synthetic"), START).values["TAU"], rel=1e-6
    )


def test_without_wind_there_is_no_factor_and_no_flux():
    channels = turbulence() | {"Uz": np.full(36000, np.nan)}
    record = process(samples(channels), station("synthetic"), START)
    assert all(math.isnan(factor) for factor in factors(record).values())
    assert math.isnan(record.values["TAU"])
    assert record.reasons["TAU"].startswith("w:")


@pytest.mark.parametrize("wind", [0.0, 0.02, 0.2])
def test_hardly_any_wind_is_no_error(wind):
    """Slow exchange passes slow sensors: factors stay moderate."""
    channels = turbulence()
    for name, mean in {"Ux": wind, "Uy": 0.0, "Uz": 0.0}.items():
        channels[name] = channels[name] - channels[name].mean() + mean
    record = process(samples(channels), station("synthetic"), START)
    assert record.diagnostics["wind_speed"] == pytest.approx(wind, abs=0.001)
    assert all(1 < factor < 10 for factor in factors(record).values())


def test_exchange_that_sensors_miss_is_a_reason_and_no_flux():
    """A breath of wind over very cold ground: by the model exchange is faster than the analyser."""
    channels = turbulence()
    random = np.random.default_rng(1)
    n = len(channels["Uz"])
    channels["Ux"], channels["Uy"] = 0.3 + 0.2 * random.standard_normal(n), 0.2 * random.standard_normal(n)
    channels["Ts"] = 20.0 - channels["Uz"] + 0.3 * random.standard_normal(n)
    record = process(samples(channels), station("synthetic", rotation="none"), START)
    assert record.diagnostics["raw_stability"] > 20
    for name in ("FC", "LE"):
        assert math.isnan(record.values[name])
        assert "sensors miss nearly all" in record.reasons[name]
    assert not math.isnan(record.values["TAU"])
