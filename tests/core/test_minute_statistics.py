"""Statistics of minutes against a plain loop over samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import NS
from core.store.blocks import BlockArrays, first_of_each
from core.store.minute_statistics import MINUTE_NS, join_parts, merge_parts, minute_parts

START = 1_783_000_020 * NS  # at a whole minute


def make_blocks(seed: int, m: int, n: int, dt_ns: int, missing: float) -> BlockArrays:
    random = np.random.default_rng(seed)
    samples = random.normal(400, 3, (m, 3, n)).astype(np.float32)
    samples[random.random(samples.shape) < missing] = np.nan
    return BlockArrays(
        random.integers(1, 3, m).astype(np.int32),
        random.integers(5, 8, m).astype(np.int32),
        START + random.integers(0, 10**6, m) * 1_000_003,
        np.full(m, dt_ns),
        np.arange(m),
        np.zeros(m, np.int64),
        samples,
    )


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    m=st.integers(1, 30),
    n=st.integers(1, 400),
    dt_ns=st.sampled_from([50_000_000, 100_000_000, NS, 7 * NS, 33_333_333]),
    missing=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_merged_parts_are_the_statistics_of_all_samples_of_a_minute(
    seed: int, m: int, n: int, dt_ns: int, missing: float
) -> None:
    blocks = make_blocks(seed, m, n, dt_ns, missing)
    expected: dict[tuple[int, int, int], list[np.ndarray]] = {}
    for i in range(m):
        for j in range(n):
            minute = (int(blocks.start_ns[i]) + j * dt_ns) // MINUTE_NS * MINUTE_NS
            key = (int(blocks.station[i]), int(blocks.stream[i]), minute)
            expected.setdefault(key, []).append(blocks.samples[i, :, j].astype(np.float64))
    half = m // 2
    low, high = blocks.take(np.arange(half)), blocks.take(np.arange(half, m))
    parts = [merge_parts(minute_parts(one)) for one in (low, high) if len(one)]
    merged = merge_parts(join_parts(parts))
    keys = list(zip(merged.station.tolist(), merged.stream.tolist(), merged.minute.tolist(), strict=True))
    assert keys == sorted(expected)
    for i, key in enumerate(keys):
        values = np.array(expected[key])
        assert merged.slots[i] == len(values)
        for channel in range(3):
            valid = values[~np.isnan(values[:, channel]), channel]
            assert merged.n[i, channel] == len(valid)
            found = [getattr(merged, name)[i, channel] for name in ("mean", "min", "max", "sd")]
            if len(valid):
                plain = [valid.mean(), valid.min(), valid.max(), valid.std()]
                assert found == pytest.approx(plain, rel=1e-10, abs=1e-9)
            else:
                assert np.isnan(found).all()


def test_a_large_mean_does_not_drown_a_small_deviation() -> None:
    values = np.float32(1e6) + np.tile(np.array([0.0, 0.125], np.float32), 600)
    samples = values.reshape(60, 1, 20)
    blocks = BlockArrays(
        np.ones(60, np.int32),
        np.ones(60, np.int32),
        START + np.arange(60) * NS,
        np.full(60, NS // 20),
        np.arange(60),
        np.zeros(60, np.int64),
        samples,
    )
    whole = merge_parts(minute_parts(blocks))
    assert whole.sd[0, 0] == pytest.approx(0.0625, rel=1e-9)


def test_of_equal_keys_the_first_block_stays_whatever_group_it_is_in() -> None:
    blocks = make_blocks(1, 6, 2, NS, 0.0)
    first, again, other = blocks.take(np.array([4, 1, 4])), blocks.take(np.array([1, 0])), blocks.take(np.array([3]))
    changed = BlockArrays(*(getattr(again, name) for name in BlockArrays.__slots__[:-1]), samples=again.samples + 1)
    kept = first_of_each([first, changed, other])
    assert [sorted(one.seq.tolist()) for one in kept] == [[1, 4], [0], [3]]
    assert np.array_equal(kept[1].samples[0], blocks.samples[0] + 1)
    assert first_of_each([]) == []
