"""Footprints of recorded and synthetic half-hours against EddyPro 6.2.1. Run with ``-s`` to see the tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from core.records import FluxRecord
from fluxcalc.halfhour.steps import process
from tests.fluxcalc.halfhour.test_golden_halfhour import (
    DT,
    LOST_RECORDS,
    VARIANTS_FROM,
    close_up,
    synthetic_results,
    synthetic_samples,
)
from tests.fluxcalc.reference import HALFHOUR, needs_halfhour, read_csv, read_results, read_toa5, station

pytestmark = needs_halfhour

COLUMNS = {
    "x_peak": "footprint_peak",
    "x_offset": "footprint_offset",
    **{f"x_{share}%": f"footprint_{share}" for share in (10, 30, 50, 70, 90)},
}
METRE, FIVE_METRES = 1.0, 5.0
"""Steps in which that program walks upwind with models 1 and 2."""


def synthetic(number: int, **methods: str) -> FluxRecord:
    start, samples = synthetic_samples(number)
    return process(close_up(samples) if number in LOST_RECORDS else samples, station("synthetic", **methods), start)


def orchard(period: int, **methods: str) -> FluxRecord:
    start = datetime(2012, 6, 7, 12, 45, tzinfo=UTC) + period * timedelta(minutes=15)
    path = HALFHOUR / "fluxpart20hz" / "raw" / f"TOA5_6843.ts_Above_2012_06_07_{start:%H%M}.dat.gz"
    return process(read_toa5(path, start, 15, DT, stamps_end=True), station("orchard", **methods), start)


def alpine(number: int, **methods: str) -> FluxRecord:
    start = datetime(2018, 7, 20, 8, 30, tzinfo=UTC) + number * timedelta(minutes=30)
    samples = read_csv(HALFHOUR / "finse10hz" / "raw" / f"{start:%Y-%m-%dT%H%M%S}.csv.gz", start, 100_000_000)
    return process(samples, station("finse", **methods), start)


def assert_equal(record: FluxRecord, reference: Mapping[str, float]) -> None:
    """Compare all distances: exactly where that program has a formula, to its step where it walks."""
    model = record.diagnostics["footprint_model"]
    assert model == reference["model"]
    for theirs, name in COLUMNS.items():
        ours, expected = record.diagnostics[name], reference[theirs]
        print(f"{record.start:%H:%M}  {model:.0f} {theirs:9s} {ours:12.5f} {expected:12.5f}")
        if model == 0 or theirs == "x_peak":
            assert ours == pytest.approx(expected, rel=2e-6)
        elif model == 1:
            assert abs(ours - expected) < 0.52 * METRE
        else:
            assert expected == FIVE_METRES * math.ceil(ours / FIVE_METRES - 1e-3)


@pytest.mark.figures
@pytest.mark.parametrize("period", [0, 1])
@pytest.mark.parametrize(
    ("variant", "footprint"),
    [("express", "kljun_2004"), ("adv_km", "kormann_meixner_2001"), ("adv_hsieh", "hsieh_2000")],
)
def test_orchard_footprint(variant, footprint, period):
    reference = read_results(HALFHOUR / "fluxpart20hz" / f"{variant}.csv")[period]
    assert_equal(orchard(period, footprint=footprint), reference)


@pytest.mark.parametrize("number", range(24))
def test_synthetic_footprint(number):
    assert_equal(synthetic(number), synthetic_results("express")[number])


@pytest.mark.parametrize("number", range(VARIANTS_FROM, VARIANTS_FROM + 16))
@pytest.mark.parametrize(("variant", "footprint"), [("km01", "kormann_meixner_2001"), ("hsieh", "hsieh_2000")])
def test_synthetic_footprint_of_other_models(variant, footprint, number):
    assert_equal(synthetic(number, footprint=footprint), synthetic_results(variant)[number])


@pytest.mark.parametrize("number", range(63))
def test_alpine_footprint(number):
    assert_equal(alpine(number), read_results(HALFHOUR / "finse10hz" / "express.csv")[number])


@pytest.mark.figures
def test_forest_footprint():
    start = datetime(2019, 7, 30, 11, 30, tzinfo=UTC)
    path = HALFHOUR / "dehoh20hz" / "raw" / "DE-HoH_EC_201907301200_v01.csv.gz"
    (reference,) = read_results(HALFHOUR / "dehoh20hz" / "express.csv")
    assert_equal(process(read_csv(path, start, 50_000_000), station("forest"), start), reference)
