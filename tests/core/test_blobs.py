"""The compacted form of samples: every bit comes back, and foreign bytes are a StoreError."""

from __future__ import annotations

import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.errors import StoreError
from core.store.blobs import (
    HEAD_FIELDS,
    Blocks,
    SensorSteps,
    decode_head,
    decode_samples,
    encode_head,
    encode_samples,
    join_blocks,
)

ANY_BITS = hnp.arrays(np.uint32, st.tuples(st.integers(1, 4), st.integers(1, 300)), elements=st.integers(0, 2**32 - 1))
GRIDS = st.none() | st.builds(SensorSteps, st.floats(1e-9, 1e9), st.floats(-1e6, 1e6) | st.just(0.0))


def bits(samples: np.ndarray) -> np.ndarray:
    return samples.view(np.uint32)


@given(ANY_BITS, st.lists(GRIDS, min_size=4, max_size=4))
def test_any_bits_come_back_with_any_grid(given_bits: np.ndarray, grids: list[SensorSteps | None]) -> None:
    samples = given_bits.view(np.float32)
    back = decode_samples(encode_samples(samples, grids[: len(samples)]), *samples.shape)
    assert np.array_equal(bits(back), given_bits)


@given(
    hnp.arrays(np.int32, st.integers(1, 500), elements=st.integers(-(2**31), 2**31 - 1)),
    st.sampled_from(
        [
            SensorSteps(0.001),
            SensorSteps(0.002, -40.0),
            SensorSteps(1.0),
            SensorSteps(1 / 2048),
            SensorSteps(0.01, 273.15),
        ]
    ),
    st.lists(st.sampled_from([np.nan, np.inf, -np.inf, -0.0, 1e-45, 3.4e38, 0.12345]), max_size=20),
    st.randoms(),
)
def test_steps_with_values_that_are_none_come_back(
    steps: np.ndarray, grid: SensorSteps, odd: list[float], random
) -> None:
    samples = (steps * grid.resolution + grid.offset).astype(np.float32)[None]
    for value in odd:
        samples[0, random.randrange(samples.shape[1])] = value
    assert np.array_equal(bits(decode_samples(encode_samples(samples, [grid]), *samples.shape)), bits(samples))


def test_the_payload_of_every_nan_is_kept() -> None:
    pattern = np.array([[0x7FC00000, 0x7F800001, 0xFFC12345, 0x80000000, 0x00000001, 0xFF800000, 0, 0]], np.uint32)
    for grid in (None, SensorSteps(0.001)):
        assert np.array_equal(bits(decode_samples(encode_samples(pattern.view(np.float32), [grid]), 1, 8)), pattern)


@pytest.mark.parametrize(
    "rounded",
    [
        lambda steps: (steps * 0.001).astype(np.float32),
        lambda steps: steps.astype(np.float32) / np.float32(1000),
        lambda steps: steps.astype(np.float32) * np.float32(0.001),
        lambda steps: np.array([f"{step / 1000:.3f}" for step in steps], np.float32),
    ],
    ids=["double", "divided", "single", "text"],
)
def test_a_declared_resolution_costs_no_more_than_the_noise(rounded) -> None:
    """White steps of sd 150 have 9.3 bits of entropy; however a logger rounds, they must not cost 30 % more."""
    steps = np.rint(np.random.default_rng(1).normal(2000, 150, 36_000)).astype(np.int64)
    samples = rounded(steps)[None].astype(np.float32)
    samples[0, 500:520] = np.nan
    _, counts = np.unique(steps, return_counts=True)
    share = counts / len(steps)
    entropy = -(share * np.log2(share)).sum() / 8
    coded = encode_samples(samples, [SensorSteps(0.001)])
    assert np.array_equal(bits(decode_samples(coded, 1, 36_000)), bits(samples))
    assert len(coded) < 1.3 * entropy * 36_000 < 0.8 * len(encode_samples(samples, [None]))


def test_a_wrong_resolution_costs_little_and_loses_nothing() -> None:
    samples = np.random.default_rng(1).normal(20, 5, (1, 36_000)).astype(np.float32)
    coded = encode_samples(samples, [SensorSteps(0.01)])
    assert np.array_equal(bits(decode_samples(coded, 1, 36_000)), bits(samples))
    assert len(coded) <= len(encode_samples(samples, [None]))


@st.composite
def heads(draw: st.DrawFn) -> np.ndarray:
    blocks = draw(st.integers(1, 50))
    starts = np.cumsum(draw(hnp.arrays(np.int64, blocks, elements=st.integers(1, 10**12))))
    others = [
        draw(hnp.arrays(np.int64, blocks, elements=st.integers(low, high)))
        for low, high in ((1, 65_536), (1, 3600 * 10**9), (-1, 2**63 - 1), (-(2**53), 2**53))
    ]
    return np.stack([starts, *others])


@given(heads())
def test_heads_come_back(head: np.ndarray) -> None:
    data = encode_head(Blocks(head, np.empty((1, 0), np.float32)))
    assert np.array_equal(decode_head(data, head.shape[1]), head)


def test_regular_blocks_cost_next_to_nothing_besides_the_time_they_came() -> None:
    number = np.arange(180)
    regular = np.stack([number * 10_000_000, np.full(180, 200), np.full(180, 50_000_000), number, number * 10_000_000])
    assert len(encode_head(Blocks(regular, np.empty((1, 0), np.float32)))) < 100


def blocks(*starts: int, value: float = 0.0) -> Blocks:
    head = np.zeros((len(HEAD_FIELDS), len(starts)), np.int64)
    head[0], head[1] = starts, np.array(starts) % 3 + 1
    n = int(head[1].sum())
    return Blocks(head, np.float32([np.repeat(head[0], head[1]) + value, np.arange(n) + value]))


def test_joined_blocks_are_in_order_and_the_first_of_a_start_stays() -> None:
    joined = join_blocks([blocks(5, 9), blocks(1, 5, 7, value=100.0), blocks(7, value=200.0)])
    assert joined.start_us.tolist() == [1, 5, 7, 9]
    assert joined.samples[0].tolist() == [101, 101, 5, 5, 5, 107, 107, 9]
    assert joined.samples.shape[1] == joined.n.sum()


SAMPLES = (np.rint(np.random.default_rng(3).normal(0, 100, (2, 400))) * 0.01).astype(np.float32)
SAMPLES[1, 7:9] = np.nan
CODED = encode_samples(SAMPLES, [None, SensorSteps(0.01)])


@given(st.integers(0, len(CODED) - 1), st.integers(1, 255))
def test_a_changed_byte_is_noticed(place: int, change: int) -> None:
    damaged = bytearray(CODED)
    damaged[place] ^= change
    with pytest.raises(StoreError, match="checksum"):
        decode_samples(bytes(damaged), 2, 400)


def sealed(body: bytes) -> bytes:
    return struct.pack("<I", zlib.crc32(body)) + body


@given(
    st.binary(max_size=400)
    | st.tuples(st.integers(0, len(CODED)), st.binary(max_size=40)).map(
        lambda cut: CODED[4 : cut[0]] + cut[1] + CODED[cut[0] + len(cut[1]) :]
    )
)
def test_other_bytes_with_a_right_checksum_are_an_error_or_samples(body: bytes) -> None:
    with suppress(StoreError):
        assert decode_samples(sealed(body), 2, 400).shape == (2, 400)
    with suppress(StoreError):
        assert decode_head(sealed(body), 3).shape == (len(HEAD_FIELDS), 3)


def test_a_frame_that_unpacks_to_more_than_it_may_is_refused_before() -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(1 << 28))
    assert len(bomb) < 100_000
    with pytest.raises(StoreError, match="268435456 bytes where 120 are expected"):
        decode_head(sealed(bomb), 3)
    one = struct.pack("<BBBddqII4I", 0, 0, 4, 0, 0, 0, 0, 0, len(bomb), 0, 0, 0)
    with pytest.raises(StoreError, match="268435456 bytes where 10 are expected"):
        decode_samples(sealed(one + bomb), 1, 10)


@pytest.mark.parametrize(("channels", "n"), [(1, 2**26 + 1), (32, 2**22), (0, 5), (1, 0), (-1, 5)])
def test_a_size_beyond_the_bounds_is_refused(channels: int, n: int) -> None:
    with pytest.raises(StoreError, match="declares"):
        decode_samples(CODED, channels, n)


@pytest.mark.parametrize("blocks", [0, -1, 2**20 + 1])
def test_a_number_of_blocks_beyond_the_bounds_is_refused(blocks: int) -> None:
    with pytest.raises(StoreError, match="declares"):
        decode_head(b"", blocks)


def test_samples_left_over_are_noticed() -> None:
    with pytest.raises(StoreError, match="left over"):
        decode_samples(CODED, 1, 400)
