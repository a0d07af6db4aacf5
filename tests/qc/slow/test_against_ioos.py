"""Flags against those of ioos_qc 3, where both mean the same; where they differ on purpose, exactly there."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.typing import NDArray

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it imports is not ours
    from ioos_qc import qartod

from core.station import ChannelQuality, Identity
from qc.slow import kernels as k
from qc.slow.judging import judge
from qc.slow.limits import limits_of

MINUTE = 60 * 10**9
SITE = Identity(id="x", name="x", latitude=30.0, longitude=120.0, altitude=0.0, utc_offset=8.0)
COUNT = 600
TIMES = np.arange(COUNT, dtype=np.int64) * MINUTE
STAMPS = TIMES.astype("datetime64[ns]")


def made(seed: int) -> NDArray[np.float64]:
    """A series with spikes, steps, stretches that stand still, ramps and missing values."""
    random = np.random.default_rng(seed)
    values = 15 + random.normal(0, 0.3, COUNT).cumsum() * 0.3 + random.normal(0, 0.1, COUNT)
    spikes = random.integers(1, COUNT - 1, 12)
    values[spikes] += random.choice([-1, 1], 12) * random.uniform(1, 12, 12)
    values[random.integers(50, COUNT - 50) :] += random.uniform(3, 8)
    begin = int(random.integers(10, COUNT - 150))
    values[begin : begin + 130] = values[begin] + random.uniform(-0.02, 0.02, 130)
    values[random.random(COUNT) < 0.03] = np.nan
    return values


def flags_and_masks(values: NDArray[np.float64], check: str, **own: object) -> tuple[list[int], NDArray[np.uint32]]:
    """Flags of one check alone: 9 of what is missing, 3 suspect, 4 bad, else 1."""
    others = {"range", "spike", "step", "rate", "persistence", "consistency"} - {check}
    quality = ChannelQuality.model_validate({**own, "off": sorted(others)}, strict=False)
    by = limits_of([("x", "TA", "deg C", quality)], MINUTE, SITE)
    if check == "spike":
        by.table[:, k.NOISE_LEAST] = np.nan  # QARTOD has no such limit
    found = judge(TIMES, values[:, None], by, SITE)
    return found.flags[:, 0].tolist(), found.checks[:, 0]


def plain(flags: object) -> NDArray[np.int64]:
    return np.ma.filled(np.ma.asarray(flags), 9).astype(np.int64)


@pytest.mark.parametrize("seed", range(20))
def test_range(seed: int) -> None:
    values = made(seed)
    theirs = plain(qartod.gross_range_test(values, fail_span=(5, 25), suspect_span=(10, 20)))
    ours, _ = flags_and_masks(values, "range", range=(5, 25), suspect_range=(10, 20))
    assert ours == theirs.tolist()


@pytest.mark.parametrize("method", ["average", "differential"])
@pytest.mark.parametrize("seed", range(20))
def test_spike(method: str, seed: int) -> None:
    """They call the first and the last value, and those beside a missing one, unknown; we leave it to other checks."""
    values = made(seed)
    theirs = plain(qartod.spike_test(values, suspect_threshold=2, fail_threshold=4, method=method))
    ours, masks = flags_and_masks(values, "spike", spike=(2, 4), spike_method=method)
    unknown = theirs == 2
    neighbours = np.isnan(np.r_[values[1:], np.nan]) | np.isnan(np.r_[np.nan, values[:-1]])
    assert np.array_equal(unknown, neighbours & ~np.isnan(values))
    assert not masks[unknown].any()
    assert np.array(ours)[~unknown].tolist() == theirs[~unknown].tolist()
    assert {3, 4} & set(ours)


def test_the_average_gives_the_neighbours_of_a_large_spike_too_and_the_differential_does_not() -> None:
    values = np.full(COUNT, 15.0) + np.linspace(0, 1, COUNT)
    values[300] += 10
    for method, flags in (("average", [4, 4, 4]), ("differential", [1, 4, 1])):
        assert plain(qartod.spike_test(values, 2, 4, method))[299:302].tolist() == flags
        assert flags_and_masks(values, "spike", spike=(2, 4), spike_method=method)[0][299:302] == flags


@pytest.mark.parametrize("seed", range(20))
def test_rate(seed: int) -> None:
    """They accuse the good value after a spike, and stop at gaps; we do neither."""
    values = made(seed)
    theirs = plain(qartod.rate_of_change_test(values, STAMPS, threshold=2 / 60, fail_threshold=4 / 60))
    ours, _ = flags_and_masks(values, "rate", rate=(2 / 60, 4 / 60))
    differs = np.flatnonzero(np.array(ours) != theirs)
    for i in differs:
        past = [j for j in range(i - 1, max(i - 60, -1), -1) if np.isfinite(values[j])][:2]
        change, before = abs(values[i] - values[past[0]]), abs(values[i] - values[past[-1]])
        returned = len(past) == 2 and before < change / 2 and theirs[i] > ours[i]
        over_gap = past[0] < i - 1 and theirs[i] == 1
        assert returned or over_gap
    assert {3, 4} & set(ours)


@pytest.mark.parametrize("seed", range(20))
def test_persistence(seed: int) -> None:
    values = made(seed)
    for i in np.flatnonzero(np.isnan(values)):
        values[i] = values[i - 1] if i else 15.0  # they count missing values into the stretch, we want half of it there
    theirs = plain(qartod.flat_line_test(values, STAMPS, suspect_threshold=3600, fail_threshold=7200, tolerance=0.1))
    ours, _ = flags_and_masks(values, "persistence", persistence=0.1, persistence_minutes=(60, 120))
    assert ours == theirs.tolist()
    assert {3, 4} <= set(ours)


def test_a_range_as_large_as_the_tolerance_is_life() -> None:
    """In floating point 12.4 - 12.3 is below 0.1: they accuse a sensor of that resolution, we do not."""
    values = np.where(np.arange(COUNT) % 2, 12.4, 12.3)
    assert plain(qartod.flat_line_test(values, STAMPS, 3600, 7200, 0.1))[-1] == 4
    assert flags_and_masks(values, "persistence", persistence=0.1, persistence_minutes=(60, 120))[0][-1] == 1


def test_climatology_of_a_month_and_hour() -> None:
    """They call a missing value good."""
    by = limits_of([("x", "TA", "deg C", ChannelQuality(climatology=True))], MINUTE, SITE)
    learnt = np.full((1, 288, 2), np.nan)
    learnt[0, :24] = 10.0, 20.0  # January
    values = np.array([5.0, 15.0, 25.0, np.nan])[:, None]
    config = [{"tspan": (1, 1), "vspan": (10, 20), "period": "month"}]
    theirs = plain(qartod.climatology_test(config, values[:, 0], STAMPS[:4], np.full(4, np.nan)))
    found = judge(TIMES[:4], values, by.with_climatology(learnt), SITE)
    climatological = np.where(found.checks[:, 0] >> k.CLIMATOLOGY & 1, 3, np.where(np.isnan(values[:, 0]), 9, 1))
    assert climatological.tolist() == [3, 1, 3, 9]
    assert theirs.tolist() == [3, 1, 3, 1]
