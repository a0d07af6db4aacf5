"""Bad data are no exception: whatever an analyser sends gives flags and an account that adds up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.simulation.analyser import SimulatedAnalyser
from qc.mole_fraction import RawSeries, process_mole_fractions
from tests.qc.mole_fraction.scenes import DAY, HOUR, cut, raw_of

SCENE = SimulatedAnalyser(seed=21)
RAW = raw_of(SCENE.samples(DAY, DAY + 30 * HOUR))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_whatever_is_sent(seed: int) -> None:
    rng = np.random.default_rng(seed)
    low, high = np.sort(rng.integers(0, len(RAW.time_ns) + 1, 2))
    keep = np.zeros(len(RAW.time_ns), bool)
    keep[low:high] = True
    for _ in range(int(rng.integers(0, 5))):  # gaps
        at = int(rng.integers(0, len(keep)))
        keep[at : at + int(rng.integers(1, 3000))] = False
    values = RAW.values[keep].copy()
    n = len(values)
    for _ in range(int(rng.integers(0, 8))):  # stretches of nonsense in a channel
        if n:
            at, channel = int(rng.integers(0, n)), int(rng.integers(0, values.shape[1]))
            nonsense = rng.choice([np.nan, np.inf, -np.inf, 0.0, -1e30, 1e30, 99.0, 8.0])
            values[at : at + int(rng.integers(1, 2000)), channel] = nonsense
    result = process_mole_fractions(RawSeries(RAW.time_ns[keep], values, RAW.channels), SCENE.station, SCENE.tanks)
    for gas in ("CO2", "CH4"):
        assert sum(result.account[gas].values()) == n
        for means in (result.minutes[gas], result.hours[gas]):
            good = means.flag == 1
            assert np.isfinite(means.value[good]).all()
            assert np.isfinite(means.u[good]).all()
            assert (means.u[good] > 0).all()
            assert (means.n[good] > 0).all()
            assert (means.marks[~good] != 0).all()
            assert np.isnan(means.value[means.flag == 4]).all()
            assert set(means.flag.tolist()) <= {1, 2, 3, 4}


@pytest.mark.parametrize("hours", [0.01, 0.05, 1, 3])
def test_a_short_piece(hours: float) -> None:
    piece = cut(RAW, DAY + HOUR, DAY + HOUR + round(hours * HOUR))
    result = process_mole_fractions(piece, SCENE.station, SCENE.tanks)
    assert not (result.hours["CO2"].flag == 1).any()
