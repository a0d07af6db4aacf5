"""MDS against REddyProc 1.3.3 and against what must always hold."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from core.records import FloatArray
from fluxcalc.season.gapfill.gaps import UNFILLED
from fluxcalc.season.gapfill.mds import (
    DIALECTS,
    ONEFLUX,
    ONEFLUX_SYMMETRIC,
    REDDYPROC,
    REDDYPROC_SYMMETRIC,
    Filled,
    fill_driver,
    fill_mds,
)
from tests.fluxcalc.reference import SEASON, needs_season


def column(table: pl.DataFrame, name: str) -> FloatArray:
    return table[name].cast(pl.Float64).fill_null(np.nan).to_numpy()


@pytest.mark.figures
@needs_season
@pytest.mark.parametrize("site", ["DE-Tha_1998", "DE-Geb_2004_2006"])
def test_every_record_equals_reddyproc(site):
    """Value, sd, number, method, window and quality of all records of four site years; the tables have 8 decimals."""
    inputs = pl.read_parquet(SEASON / site / "input.parquet")
    reference = pl.read_parquet(SEASON / site / "reddyproc_mds_nofilter.parquet")
    filled = fill_mds(*(column(inputs, name) for name in ("NEE", "Rg", "Tair", "VPD")))
    for name, ours in (
        ("NEE_fqc", filled.qc),
        ("NEE_fall_qc", filled.looked_up_qc),
        ("NEE_fnum", filled.count),
        ("NEE_fmeth", filled.method),
        ("NEE_fwin", filled.window),
    ):
        assert_array_equal(ours, reference[name].to_numpy(), err_msg=name)
    for name, floats in (("NEE_f", filled.value), ("NEE_fall", filled.looked_up), ("NEE_fsd", filled.sd)):
        assert_allclose(floats, column(reference, name), atol=6e-9, err_msg=name)
    print(f"{site}: {len(filled.qc)} records, {np.isnan(column(inputs, 'NEE')).sum()} gaps, all equal")


@pytest.mark.figures
@needs_season
@pytest.mark.parametrize("site", ["DE-Tha_1998", "DE-Geb_2004_2006"])
@pytest.mark.parametrize("run", ["nofilter", "fixed"])
def test_every_record_equals_oneflux(site, run):
    """Its tables have six digits."""
    inputs = pl.read_parquet(SEASON / site / "input.parquet")
    reference = pl.read_parquet(SEASON / site / f"oneflux_{run}_mds.parquet").with_columns(
        pl.col("NEE").replace(-9999, None)
    )
    filled = fill_mds(
        column(reference, "NEE"), *(column(inputs, name) for name in ("Rg", "Tair", "VPD")), dialect=ONEFLUX
    )
    for name, ours in (
        ("QC", filled.qc), ("QC_HAT", filled.looked_up_qc), ("SAMPLE", filled.count), ("METHOD", filled.method),
        ("TIMEWINDOW", filled.window),
    ):  # fmt: skip
        assert_array_equal(ours, reference[name].to_numpy(), err_msg=name)
    for name, floats in (("FILLED", filled.value), ("HAT", filled.looked_up), ("STDDEV", filled.sd)):
        assert_allclose(floats, column(reference, name), rtol=6e-6, atol=1e-6, err_msg=name)
    print(f"{site} {run}: {len(filled.qc)} records, all equal")


@needs_season
@pytest.mark.parametrize("site", ["DE-Tha_1998", "DE-Geb_2004_2006"])
def test_the_split_by_radiation_equals_both_programs(site):
    """REddyProc's split holds by day, ONEFlux' (column DT; -9999 where one side is empty) by night, too."""
    inputs = pl.read_parquet(SEASON / site / "input.parquet")
    given = [column(inputs, name) for name in ("NEE", "Rg", "Tair", "VPD")]
    theirs = pl.read_parquet(SEASON / site / "reddyproc_mds_nofilter_vekuri23.parquet")
    ours = fill_mds(*given, dialect=REDDYPROC_SYMMETRIC)
    assert_allclose(ours.value, column(theirs, "NEE_f"), atol=6e-9)
    assert_array_equal(ours.qc, theirs["NEE_fqc"].to_numpy())
    path = SEASON / site / "oneflux_nofilter_sym_mean_mds.parquet"
    if path.exists():
        theirs = pl.read_parquet(path)
        split = column(theirs, "DT")
        ours = fill_mds(*given, dialect=ONEFLUX_SYMMETRIC)
        some = (split != -9999) & (ours.method != 3)
        assert some.sum() > 17_000
        assert_allclose(ours.looked_up[some], split[some], rtol=6e-6, atol=1e-6)


@needs_season
@pytest.mark.parametrize("site", ["DE-Tha_1998", "DE-Geb_2004_2006"])
@pytest.mark.parametrize("name", ["Tair", "VPD", "Rg"])
def test_drivers_are_filled_as_by_reddyproc(site, name):
    inputs = pl.read_parquet(SEASON / site / "input.parquet")
    reference = pl.read_parquet(SEASON / site / "reddyproc_fixed_mds_mr_gl.parquet")
    filled = fill_driver(column(inputs, name), None if name == "Rg" else column(inputs, "Rg"))
    assert_allclose(filled.value, column(reference, f"{name}_f"), atol=6e-8)
    assert_array_equal(filled.qc, reference[f"{name}_fqc"].to_numpy())


def test_leaving_out_the_own_value_is_filling_a_gap_there():
    y, *drivers = weather(5, 20)
    filled = fill_mds(y, *drivers, leave_one_out=True)
    for i in (3, 400, 700):
        gap = y.copy()
        gap[i] = np.nan
        assert filled.looked_up[i] == pytest.approx(fill_mds(gap, *drivers).value[i], rel=1e-12)


def weather(seed: int, days: int, per_day: int = 48) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    random = np.random.default_rng(seed)
    hours = np.arange(days * per_day) * 24 / per_day
    radiation = np.maximum(0.0, 700 * np.sin((hours - 6) / 12 * np.pi)) * random.uniform(0.4, 1, hours.size)
    temperature = 14 + 7 * np.sin((hours - 9) / 12 * np.pi) + random.normal(0, 1, hours.size)
    deficit = np.maximum(0.0, temperature - 9)
    return 3 - radiation / 40 + random.normal(0, 1, hours.size), radiation, temperature, deficit


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 2**32 - 1),
    st.floats(0, 1),
    st.sampled_from([12, 24, 32, 48, 96]),
    st.booleans(),
    st.sampled_from([None, 1, 3, 60]),
    st.sampled_from(sorted(DIALECTS)),
    st.booleans(),
)
def test_a_measured_value_is_never_altered(seed, share, per_day, every_record, longest, name, leave_out):
    y, *drivers = weather(seed, 9, per_day)
    gaps = np.random.default_rng(seed).uniform(size=y.size) < share
    y[gaps] = np.nan
    before = y.copy()
    dialect = replace(DIALECTS[name], longest_gap_days=longest)
    filled = fill_mds(y, *drivers, per_day=per_day, every_record=every_record, dialect=dialect, leave_one_out=leave_out)
    assert_array_equal(y, before)
    assert_array_equal(filled.value[~gaps], before[~gaps])
    assert (filled.qc[~gaps] == 0).all()
    assert (filled.qc[gaps] != 0).all()
    assert_array_equal(filled.qc[gaps] == UNFILLED, np.isnan(filled.value[gaps]))
    measured = before[~gaps]
    if measured.size:
        found = filled.value[gaps & ~np.isnan(filled.value)]
        assert (found >= measured.min() - 1e-9).all()
        assert (found <= measured.max() + 1e-9).all()


def test_like_weather_gives_the_mean_of_like_records():
    """Two days of the same weather: the gap at noon takes what stands at noon, with its sd and number."""
    y = np.full(48 * 3, np.nan)
    drivers = [np.full(y.size, math.nan) for _ in range(3)]
    for place, value, radiation in ((24, -10.0, 500.0), (72, 0.0, 520.0), (120, -14.0, 480.0), (130, 99.0, 100.0)):
        y[place] = value if place != 72 else math.nan
        for driver, level in zip(drivers, (radiation, 20.0, 10.0), strict=True):
            driver[place] = level
    filled = fill_mds(y, *drivers)
    assert filled.value[72] == -12.0
    assert filled.sd[72] == pytest.approx(math.sqrt(8))
    assert (filled.count[72], filled.method[72], filled.window[72], filled.qc[72]) == (2, 1, 14, 1)


def test_without_drivers_the_mean_diurnal_course_fills():
    y, *_ = weather(1, 8)
    noon = 4 * 48 + 24
    y[noon] = np.nan
    nothing = np.full(y.size, np.nan)
    filled = fill_mds(y, nothing, nothing, nothing)
    neighbours = y[[noon - 2, noon - 1, noon + 1, noon + 2]]
    assert filled.value[noon] == pytest.approx(neighbours.mean())
    assert (filled.method[noon], filled.window[noon], filled.qc[noon]) == (3, 1, 1)


@pytest.mark.parametrize("per_day", [48, 96])
def test_gaps_longer_than_sixty_days_stay(per_day):
    y, *drivers = weather(3, 150, per_day)
    y[10 * per_day : 70 * per_day] = np.nan  # sixty days
    y[80 * per_day : 140 * per_day + 1] = np.nan  # and half an hour or a quarter
    filled = fill_mds(y, *drivers, per_day=per_day)
    assert not np.isnan(filled.value[: 80 * per_day]).any()
    assert np.isnan(filled.value[80 * per_day : 140 * per_day + 1]).all()
    assert (filled.qc[80 * per_day : 140 * per_day + 1] == UNFILLED).all()
    assert not np.isnan(
        fill_mds(y, *drivers, per_day=per_day, dialect=replace(REDDYPROC, longest_gap_days=None)).value
    ).any()


def test_nothing_measured_is_nothing_filled():
    y, *drivers = weather(0, 3)
    filled = fill_mds(np.full_like(y, np.nan), *drivers)
    assert np.isnan(filled.value).all()
    assert (filled.qc == UNFILLED).all()
    assert isinstance(filled, Filled)


def test_series_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="one length"):
        fill_mds(np.zeros(48), np.zeros(48), np.zeros(47), np.zeros(48))
