"""Despiking variants and raw-data flags against EddyPro 6.2.1.

That program writes flags as the figures of a number: a leading 8, then one each for u, v, w, ts, co2, h2o and two other
gases; 9 where there is nothing to test. Provenance: ../shared/reference/halfhour/README.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from core.records import FluxRecord
from core.station import parse_station
from fluxcalc.halfhour.interval import HalfHour
from fluxcalc.halfhour.raw.screening import screen_series
from fluxcalc.halfhour.steps import HALF_HOUR_STEPS, Meteorology, process
from tests.fluxcalc.halfhour.test_golden_halfhour import (
    CORRECTED,
    DT,
    FACTORS,
    LOST_RECORDS,
    RAW,
    SPIKES,
    VARIANTS_FROM,
    alpine,
    alpine_results,
    close_up,
    differences,
    flags,
    orchard,
    orchard_results,
    synthetic,
    synthetic_results,
    synthetic_samples,
)
from tests.fluxcalc.reference import HALFHOUR, STATIONS, needs_halfhour, read_csv, read_results, read_toa5, station

pytestmark = needs_halfhour

WORDS = {
    "spikes_hf": ("spikes", 2),
    "amplitude_resolution_hf": ("amplitude_resolution", 2),
    "drop_out_hf": ("dropouts", 2),
    "absolute_limits_hf": ("absolute_limits", 2),
    "skewness_kurtosis_hf": ("skewness_kurtosis", 2),
    "skewness_kurtosis_sf": ("skewness_kurtosis", 1),
    "discontinuities_hf": ("discontinuities", 2),
    "discontinuities_sf": ("discontinuities", 1),
}
VARIANTS = range(VARIANTS_FROM, VARIANTS_FROM + 16)
MARKER = {"co2": -9.999, "h2o": -9.999}
"""What -9999 of that program's units is in ours, for the gases."""


def theirs(reference: Mapping[str, float]) -> dict[str, str]:
    """Decode the flags of the six series; a test that was not made is left out."""
    words = {column: f"{reference[column]:.0f}"[1:7] for column in WORDS}
    return {column: word for column, word in words.items() if word != "999999"}


def ours(noted: Mapping[str, float]) -> dict[str, str]:
    """Write our flags in that way."""
    return {
        column: "".join(str(int(noted[f"vm97_{test}_{name}"] >= level)) for name in SPIKES)
        for column, (test, level) in WORDS.items()
    }


def disagreements(noted: Mapping[str, float], reference: Mapping[str, float]) -> dict[str, tuple[str, str]]:
    mine = ours(noted)
    return {column: (mine[column], word) for column, word in theirs(reference).items() if mine[column] != word}


def assert_same_spikes_and_flags(record: FluxRecord, reference: Mapping[str, float]) -> None:
    assert [record.diagnostics[f"spikes_{name}"] for name in SPIKES] == [reference[f"{name}_spikes"] for name in SPIKES]
    mine, other = flags(record, reference)
    assert mine == other


@pytest.mark.parametrize("number", VARIANTS)
def test_synthetic_mauder_despiking(number):
    start, samples = synthetic_samples(number)
    samples = close_up(samples) if number in LOST_RECORDS else samples
    record = process(samples, station("synthetic", despike="mauder_2013"), start)
    reference = synthetic_results("m13")[number]
    assert max(differences(record, reference, RAW | FACTORS | CORRECTED).values()) < 1e-5
    assert_same_spikes_and_flags(record, reference)


@pytest.mark.parametrize("number", range(24))
def test_alpine_mauder_despiking(number):
    start = datetime(2018, 7, 21, tzinfo=UTC) + number * timedelta(minutes=30)
    samples = read_csv(HALFHOUR / "finse10hz" / "raw" / f"{start:%Y-%m-%dT%H%M%S}.csv.gz", start, 100_000_000)
    record = process(samples, station("finse", despike="mauder_2013"), start)
    reference = read_results(HALFHOUR / "finse10hz" / "m13.csv")[number]
    assert max(differences(record, reference, RAW | FACTORS | CORRECTED).values()) < 3e-5
    assert_same_spikes_and_flags(record, reference)
    assert disagreements(record.diagnostics, reference) == {}


@pytest.mark.parametrize("period", [0, 1])
def test_orchard_mauder_despiking(period):
    start = datetime(2012, 6, 7, 12, 45, tzinfo=UTC) + period * timedelta(minutes=15)
    path = HALFHOUR / "fluxpart20hz" / "raw" / f"TOA5_6843.ts_Above_2012_06_07_{start:%H%M}.dat.gz"
    samples = read_toa5(path, start, 15, DT, stamps_end=True)
    record = process(samples, station("orchard", despike="mauder_2013"), start)
    reference = read_results(HALFHOUR / "fluxpart20hz" / "adv_m13.csv")[period]
    assert max(differences(record, reference, RAW | FACTORS | CORRECTED).values()) < 1e-3
    assert_same_spikes_and_flags(record, reference)


@pytest.mark.parametrize("number", VARIANTS)
def test_synthetic_without_despiking(number):
    """Nothing but the absolute limits stands between spikes and fluxes here, so they must be that program's."""
    text = (STATIONS / "synthetic.toml").read_text()
    text += '[flux.methods]\ndespike = "none"\n[flux.options.screening]\n'
    text += "limits_ts = [-40.0, 50.0]\nlimits_co2 = [200.0, 900.0]\nlimits_h2o = [0.0, 40.0]\n"
    start, samples = synthetic_samples(number)
    samples = close_up(samples) if number in LOST_RECORDS else samples
    record = process(samples, parse_station(text, "synthetic.toml"), start)
    reference = synthetic_results("nodespike")[number]
    assert max(differences(record, reference, RAW | FACTORS | CORRECTED).values()) < 1e-3
    mine, other = flags(record, reference)
    assert mine == other


@pytest.mark.parametrize("number", range(63))
def test_alpine_flags(number):
    """Of 2268 flags, 10 are raised in the reference: all six tests agree on all of them."""
    start = datetime(2018, 7, 20, 8, 30, tzinfo=UTC) + number * timedelta(minutes=30)
    assert disagreements(alpine(start, "moncrieff_1997").diagnostics, alpine_results("express")[number]) == {}


@pytest.mark.parametrize("period", [0, 1])
def test_orchard_flags(period):
    """That program calls every molar density of vapour implausible; the flags are the same otherwise."""
    found = disagreements(orchard(period).diagnostics, orchard_results()[period])
    assert found == {"absolute_limits_hf": ("000000", "000001")}


@pytest.mark.parametrize("number", VARIANTS)
def test_synthetic_flags(number):
    """Nothing is wrong with these series but gaps, and we flag none; that program does where it counted gap markers."""
    noted, reference = synthetic(number).diagnostics, synthetic_results("alltests")[number]
    mine = ours(noted)
    assert set(mine.values()) == {"000000"}
    assert (noted["vm97_attack_angle"], noted["vm97_steadiness"]) == (0, 0)
    print(number, disagreements(noted, reference))


@pytest.mark.parametrize("number", VARIANTS)
def test_synthetic_flags_with_markers_for_gaps(number):
    """Fed with -9999 where samples are missing, our tests raise the flags of that program.

    But for the discontinuities of series with a few markers only, where the variance in a window changes much.
    """
    start, samples = synthetic_samples(number)
    samples = close_up(samples) if number in LOST_RECORDS else samples
    recorded = len(samples.channels["Ux"])
    half = HalfHour(start, start + timedelta(minutes=30), samples, Meteorology())
    for step in HALF_HOUR_STEPS[: HALF_HOUR_STEPS.index(screen_series)]:
        half = step(half, station("synthetic"))
    marked = {}
    for name, values in half.series.items():
        missing = np.isnan(values) & (np.arange(values.size) < recorded)
        marked[name] = np.where(missing, MARKER.get(name, -9999.0), values)
    noted = screen_series(replace(half, series=marked), station("synthetic")).diagnostics
    mine, reference = ours(noted), synthetic_results("alltests")[number]
    other = theirs(reference)
    few = [0 < (values[:recorded] < -9).sum() < 20 for values in (marked[name] for name in SPIKES)]
    for column in ("skewness_kurtosis_hf", "skewness_kurtosis_sf"):
        assert mine[column] == other[column], column
    for column in ("discontinuities_hf", "discontinuities_sf"):
        compared = [i for i in range(6) if not few[i]]
        assert [mine[column][i] for i in compared] == [other[column][i] for i in compared], column
    assert mine["absolute_limits_hf"][:5] == other["absolute_limits_hf"][:5]
    assert other["absolute_limits_hf"][5] == "1"  # molar density of vapour, see above
    assert (noted["vm97_attack_angle"] >= 2) == (reference["attack_angle_hf"] == 81)
    assert (noted["vm97_steadiness"] >= 2) == (reference["non_steady_wind_hf"] == 81)


def test_time_lag_flags():
    """That program raises none in 16 half-hours in which the lag that it finds itself is worth 8 to 42 %."""
    counts = {1.0: 0, 2.0: 0}
    for number in VARIANTS:
        noted, reference = synthetic(number).diagnostics, synthetic_results("alltests")[number]
        assert (reference["timelag_hf"], reference["timelag_sf"]) == (80000, 80000)
        for gas in ("co2", "h2o"):
            gain, flag = noted[f"lag_{gas}_gain_percent"], noted[f"vm97_time_lag_{gas}"]
            assert not math.isnan(gain)
            assert flag == (2.0 if gain > 20 else 1.0 if gain > 10 else 0.0)
            counts[flag] = counts.get(flag, 0) + 1
    print(counts)
    assert counts[1.0] + counts[2.0] > 20
