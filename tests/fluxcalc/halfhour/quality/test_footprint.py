"""Footprints along the wind: the distances against the functions of the papers, integrated numerically."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.special import gamma

from fluxcalc.halfhour.quality.footprint import (
    FETCH_COLUMNS,
    OFFSET_SHARE,
    Surroundings,
    hsieh_2000,
    kljun_2004,
    kormann_meixner_2001,
    outside_kljun,
)
from fluxcalc.halfhour.state import FLUX_SHARES
from fluxcalc.halfhour.steps import process
from tests.fluxcalc.halfhour.test_steps import variant
from tests.fluxcalc.reference import station
from tests.fluxcalc.samples import START, samples, turbulence

MEADOW = Surroundings(height=3.6, roughness=0.09, ustar=0.3, wind_speed=2.7, w_sigma=0.4, stability=-0.1)
NIGHT = MEADOW._replace(stability=0.4, ustar=0.22, wind_speed=2.0, w_sigma=0.27)
SITES = pytest.mark.parametrize("air", [MEADOW, NIGHT, MEADOW._replace(stability=0.0)], ids=["day", "night", "neutral"])

surroundings = st.builds(
    Surroundings,
    height=st.floats(1.0, 80.0),
    roughness=st.floats(0.001, 0.9),
    ustar=st.floats(0.02, 2.0),
    wind_speed=st.floats(0.1, 20.0),
    w_sigma=st.floats(0.02, 3.0),
    stability=st.floats(-50.0, 50.0),
)


def kljun_density(air: Surroundings, x: float) -> float:
    """Eqs 13-16 of the paper, times u*, sd(w) and height: not normalised."""
    weight = 3.418 - math.log(air.roughness)
    a, b, c, d = 0.175 / weight, 3.682, 4.277 * weight, 1.685 * weight
    place = ((air.w_sigma / air.ustar) ** 0.8 * x / air.height + d) / c
    return a * place**b * math.exp(b * (1 - place)) if place > 0 else 0.0


def kormann_density(air: Surroundings, x: float) -> float:
    """Eq. 21 with the power laws of eqs 11, 31-36 written out."""
    k, z, zl = 0.41, air.height, air.stability
    phi_m = 1 + 5 * zl if zl > 0 else (1 - 16 * zl) ** -0.25
    phi_c = 1 + 5 * zl if zl > 0 else (1 - 16 * zl) ** -0.5
    m = air.ustar / k * phi_m / air.wind_speed
    n = 1 / (1 + 5 * zl) if zl > 0 else (1 - 24 * zl) / (1 - 16 * zl)
    wind, diffusivity = air.wind_speed / z**m, k * air.ustar * z / phi_c / z**n
    r = 2 + m - n
    mu, xi = (1 + m) / r, wind * z**r / (r**2 * diffusivity)
    return xi**mu / (gamma(mu) * x ** (1 + mu)) * math.exp(-xi / x)


def hsieh_density(air: Surroundings, x: float) -> float:
    """Eq. 17 of the paper."""
    zu = air.height * (math.log(air.height / air.roughness) - 1 + air.roughness / air.height)
    if air.stability == 0:
        scale = 0.97 * zu
    else:
        length = air.height / air.stability
        d, p = (0.28, 0.59) if length < 0 else (2.44, 1.33)
        scale = d * zu**p * abs(length) ** (1 - p)
    return scale / (0.41**2 * x**2) * math.exp(-scale / (0.41**2 * x))


def share_within(density, air, start, end):
    return quad(lambda x: density(air, x), start, end, limit=200)[0]


def peak_of(density, air):
    return minimize_scalar(lambda x: -density(air, x), bounds=(1e-3, 1e4), method="bounded", options={"xatol": 1e-6}).x


@SITES
@pytest.mark.parametrize(
    ("model", "density"), [(kormann_meixner_2001, kormann_density), (hsieh_2000, hsieh_density)], ids=["km", "hsieh"]
)
def test_the_distances_hold_their_share_of_the_density(model, density, air):
    found = model(air)
    for share, x in zip((OFFSET_SHARE, *FLUX_SHARES), (found.offset, *found.shares), strict=True):
        assert share_within(density, air, 1e-9, x) == pytest.approx(share, abs=1e-6)
    assert found.peak == pytest.approx(peak_of(density, air), rel=1e-4)


@SITES
def test_the_distances_of_kljun_2004_hold_their_share(air):
    found = kljun_2004(air)
    start = -1.685 * (3.418 - math.log(air.roughness)) * air.height * (air.w_sigma / air.ustar) ** -0.8
    whole = share_within(kljun_density, air, start, 40 * found.shares[-1])
    for share, x in zip((OFFSET_SHARE, *FLUX_SHARES), (found.offset, *found.shares), strict=True):
        assert share_within(kljun_density, air, start, x) / whole == pytest.approx(share, abs=2e-3)
    assert found.peak == pytest.approx(peak_of(kljun_density, air), rel=1e-5)


def test_the_fetch_to_height_ratio_of_hsieh():
    """Eq. 20: x90/z = D zu^P |L|^(1-P)/(0.105 k2 z), in neutral air 0.97/(0.105 0.41^2) zu/z."""
    air = Surroundings(height=2.0, roughness=0.02, ustar=0.3, wind_speed=3.0, w_sigma=0.4, stability=0.0)
    zu = 2.0 * (math.log(100.0) - 1 + 0.01)
    assert hsieh_2000(air).shares[-1] / 2.0 == pytest.approx(0.97 / (0.105 * 0.41**2) * zu / 2.0, rel=4e-3)


@given(surroundings)
def test_distances_grow_with_the_share(air):
    for model in (kljun_2004, kormann_meixner_2001, hsieh_2000):
        found = model(air)
        assert all(map(math.isfinite, found.shares))
        assert (found.offset, *found.shares) == tuple(sorted((found.offset, *found.shares)))
        assert 0 < found.peak < found.shares[3]


@given(surroundings, st.floats(0.5, 4.0))
def test_distances_scale_with_the_lengths(air, factor):
    larger = air._replace(height=factor * air.height, roughness=factor * air.roughness)
    for model in (kormann_meixner_2001, hsieh_2000):
        assert model(larger).shares == pytest.approx([factor * x for x in model(air).shares], rel=1e-9)


def test_kljun_2004_knows_its_limits():
    assert outside_kljun(MEADOW) is None
    assert "friction" in (outside_kljun(MEADOW._replace(ustar=0.199)) or "")
    assert "stability" in (outside_kljun(MEADOW._replace(stability=1.01)) or "")
    assert "1 m" in (outside_kljun(MEADOW._replace(height=0.99)) or "")


def test_a_weak_wind_falls_to_kormann_and_meixner():
    channels = turbulence()
    calm = {name: 0.3 * values if name.startswith("U") else values for name, values in channels.items()}
    strong, weak = (process(samples(each), station("synthetic"), START) for each in (channels, calm))
    assert (strong.diagnostics["footprint_model"], weak.diagnostics["footprint_model"]) == (0, 1)
    for record in (strong, weak):
        noted = record.diagnostics
        assert [record.values[name] for name in FETCH_COLUMNS] == [
            noted[f"footprint_{x}"] for x in ("peak", "70", "90")
        ]
        assert noted["footprint_offset"] < noted["footprint_10"] < noted["footprint_30"] < noted["footprint_50"]


@pytest.mark.parametrize(
    ("place", "why"),
    [
        (station("synthetic", footprint="none"), "ask for none"),
        (
            variant("synthetic", ("canopy_height = 0.6", "canopy_height = 0.6\nroughness_length = 3.7"),
                    ('averaging_minutes = 30', 'averaging_minutes = 30\n[flux.methods]\nfootprint = "hsieh_2000"')),
            "above the roughness length 3.7 m",
        ),
    ],
    ids=["none", "hsieh"],
)  # fmt: skip
def test_a_footprint_that_cannot_be_said_has_a_reason(place, why):
    record = process(samples(turbulence()), place, START)
    assert all(math.isnan(record.values[name]) and why in record.reasons[name] for name in FETCH_COLUMNS)
    assert not any(name.startswith("footprint") for name in record.diagnostics)


def test_without_wind_the_footprint_names_the_wind():
    channels = turbulence()
    del channels["Uz"]
    record = process(samples(channels), station("synthetic"), START)
    assert all(record.reasons[name].startswith("w:") for name in FETCH_COLUMNS)
