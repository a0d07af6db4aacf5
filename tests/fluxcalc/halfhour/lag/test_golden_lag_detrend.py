"""Other lags and other ways of detrending against EddyPro 6.2.1. Run with ``-s`` to see the tables.

Provenance: ../shared/reference/halfhour/README.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from core.records import FluxRecord, Samples
from core.station import Station, parse_station
from fluxcalc.halfhour.fits import Fits
from fluxcalc.halfhour.lag.lag_fit import fit_lags
from fluxcalc.halfhour.steps import process
from tests.fluxcalc.halfhour.test_golden_halfhour import (
    CORRECTED,
    DT,
    FACTORS,
    LOST_RECORDS,
    RAW,
    STATE,
    VARIANTS_FROM,
    close_up,
    differences,
    flags,
    synthetic_samples,
)
from tests.fluxcalc.reference import HALFHOUR, STATIONS, needs_halfhour, read_csv, read_results, read_toa5

pytestmark = needs_halfhour

EVERYTHING = RAW | STATE | FACTORS | CORRECTED
SYNTHETIC = range(VARIANTS_FROM, VARIANTS_FROM + 16)
WIND_AND_GASES = ("u", "v", "w", "ts", "co2", "h2o")
SHIFTED_OUT = 10
"""Samples that a lag may cost; more missing ones are a gap."""


@cache
def configured(name: str, methods: tuple[tuple[str, str], ...], options: tuple[tuple[str, float], ...]) -> Station:
    text = (STATIONS / f"{name}.toml").read_text()
    text += "\n[flux.methods]\n" + "".join(f'{key} = "{value}"\n' for key, value in methods)
    text += "\n[flux.options]\n" + "".join(f"{key} = {value}\n" for key, value in options)
    return parse_station(text, f"{name}.toml")


def synthetic(
    number: int, methods: Mapping[str, str], options: Mapping[str, float] | None = None
) -> tuple[FluxRecord, Station]:
    start, samples = synthetic_samples(number)
    if number in LOST_RECORDS:
        samples = close_up(samples)
    station = configured("synthetic", tuple(methods.items()), tuple((options or {}).items()))
    return process(samples, station, start), station


@cache
def results(case: str, variant: str) -> list[dict[str, float]]:
    return read_results(HALFHOUR / case / f"{variant}.csv")


def assert_same_lags_and_flags(record: FluxRecord, reference: Mapping[str, float]) -> None:
    for gas in ("co2", "h2o"):
        assert record.diagnostics[f"lag_{gas}_s"] == pytest.approx(reference[f"{gas}_time_lag"], abs=1e-9)
    ours, theirs = flags(record, reference)
    assert ours == theirs


@pytest.mark.parametrize("number", SYNTHETIC)
@pytest.mark.parametrize(("variant", "lag"), [("nolag", "none"), ("maxcov", "covariance_maximum_only")])
def test_synthetic_lags(variant, lag, number):
    record, _ = synthetic(number, {"lag": lag})
    reference = results("synth20hz", variant)[number - VARIANTS_FROM]
    worst = differences(record, reference, EVERYTHING)
    assert max(worst.values()) < 1e-5
    assert_same_lags_and_flags(record, reference)


@pytest.mark.parametrize("number", SYNTHETIC)
@pytest.mark.parametrize(
    ("variant", "detrend", "options"),
    [
        ("ld1800", "linear", {}),
        ("rm250", "running_mean", {"detrend_seconds": 250.0}),
        ("ew250", "exponential", {"detrend_seconds": 250.0}),
    ],
)
def test_synthetic_detrending(variant, detrend, options, number):
    record, _ = synthetic(number, {"detrend": detrend}, options)
    reference = results("synth20hz", variant)[number - VARIANTS_FROM]
    worst = differences(record, reference, EVERYTHING)
    if detrend != "linear":
        # that program takes squares about zero here, not about the mean
        assert worst.pop("TKE") < 0.02
    # there the running mean of that program stops being the mean of its window
    on_purpose = detrend == "running_mean" and has_gap(record)
    assert max(worst.values()) < (0.01 if on_purpose else 5e-5)
    assert_same_lags_and_flags(record, reference)


@pytest.mark.parametrize("number", SYNTHETIC)
def test_lines_through_parts_are_not_lines_through_the_whole(number):
    """That program sets a time constant of 300 s back to the whole interval; ours is kept, and the fluxes differ."""
    reference, whole = (results("synth20hz", variant)[number - VARIANTS_FROM] for variant in ("ld300", "ld1800"))
    assert reference == pytest.approx(whole, rel=1e-12, nan_ok=True)
    same, _ = synthetic(number, {"detrend": "linear"}, {"detrend_seconds": 1800.0})
    assert max(differences(same, reference, CORRECTED).values()) < 5e-5
    parts, _ = synthetic(number, {"detrend": "linear"}, {"detrend_seconds": 300.0})
    worst = differences(parts, reference, {name: CORRECTED[name] for name in ("Tau", "H", "LE", "co2_flux")})
    assert 0.005 < max(worst.values()) < 0.15
    assert parts.diagnostics["factor_h"] > 1.01 * reference["H_scf"]


def has_gap(record: FluxRecord) -> bool:
    """Tell whether more samples are missing than a lag costs."""
    due = (record.end - record.start) / DT
    return any(record.diagnostics[f"valid_{name}"] < due - SHIFTED_OUT for name in WIND_AND_GASES)


@pytest.mark.parametrize("period", [0, 1])
def test_orchard_linear_detrending(period):
    start = datetime(2012, 6, 7, 12, 45, tzinfo=UTC) + period * timedelta(minutes=15)
    path = HALFHOUR / "fluxpart20hz" / "raw" / f"TOA5_6843.ts_Above_2012_06_07_{start:%H%M}.dat.gz"
    station = configured("orchard", (("detrend", "linear"),), ())
    record = process(read_toa5(path, start, 15, DT, stamps_end=True), station, start)
    reference = results("fluxpart20hz", "adv_ld")[period]
    worst = differences(record, reference, EVERYTHING)
    assert max(worst.values()) < 1e-5
    assert_same_lags_and_flags(record, reference)


@pytest.mark.parametrize("number", range(24))
def test_alpine_linear_detrending(number):
    start = datetime(2018, 7, 21, tzinfo=UTC) + number * timedelta(minutes=30)
    samples = read_csv(HALFHOUR / "finse10hz" / "raw" / f"{start:%Y-%m-%dT%H%M%S}.csv.gz", start, 100_000_000)
    record = process(samples, configured("finse", (("detrend", "linear"),), ()), start)
    reference = results("finse10hz", "ld1800")[number]
    worst = differences(record, reference, EVERYTHING)
    assert max(worst.values()) < 3e-5
    assert_same_lags_and_flags(record, reference)


ALPINE = tuple(datetime(2018, 7, 20, 8, 30, tzinfo=UTC) + number * timedelta(minutes=30) for number in range(64))


def alpine_samples(start: datetime) -> Samples:
    return read_csv(HALFHOUR / "finse10hz" / "raw" / f"{start:%Y-%m-%dT%H%M%S}.csv.gz", start, 100_000_000)


@cache
def alpine_lags() -> Fits:
    """Windows out of the 64 half-hours by the lags of greatest covariance; spectra and footprints tell nothing here."""
    plain = configured("finse", (("spectral", "none"), ("footprint", "none")), ())
    return Fits(lags=fit_lags([process(alpine_samples(start), plain, start) for start in ALPINE], 0.1))


def test_windows_of_lags_that_come_in_few_steps():
    """Of 49 lags of CO2 that program printed 0.20 (-0.02 to 0.42), of vapour 0.30 (0.00 to 0.60) for every class."""
    fitted = alpine_lags().lags
    (carbon,) = fitted["co2"]
    assert (carbon.nominal, carbon.earliest, carbon.latest) == pytest.approx((0.2, -0.1, 0.5))  # in whole samples
    assert len(fitted["h2o"]) == 10
    for window in fitted["h2o"]:
        assert (window.nominal, window.earliest, window.latest) == pytest.approx((0.3, 0.0, 0.6))


@pytest.mark.parametrize("number", range(64))
def test_alpine_lags_in_fitted_windows(number):
    start = ALPINE[number]
    station = configured("finse", (("lag", "optimised"),), ())
    record = process(alpine_samples(start), station, start, fits=alpine_lags())
    reference = results("finse10hz", "tlagopt")[number]
    worst = differences(record, reference, EVERYTHING)
    assert max(worst.values()) < 3e-5
    for gas in ("co2", "h2o"):
        assert record.diagnostics[f"lag_{gas}_nominal"] == reference[f"{gas}_def_timelag"]
    assert_same_lags_and_flags(record, reference)
