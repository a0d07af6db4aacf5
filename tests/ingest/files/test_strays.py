"""Stamps that are not those of their places, by arrays of times: which are found is known from how they were made."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.files.strays import MAX_TOGETHER, find_lone_ends, find_strays

STEP = 50_000_000
N = 60
TOLERANCE = 3.5 * STEP
EVEN = np.arange(N) * STEP
far = st.integers(4 * STEP, 10**18).flatmap(lambda shift: st.sampled_from([-shift, shift]))


@given(st.integers(2, N - 2 - MAX_TOGETHER), st.lists(far, min_size=1, max_size=MAX_TOGETHER))
def test_what_jumps_away_and_back_is_found(first: int, shifts: list[int]) -> None:
    times = EVEN + 10**18
    # beyond all of the others, so that none of them can be meant
    times[first : first + len(shifts)] += [shift + (N * STEP if shift > 0 else -N * STEP) for shift in shifts]
    expected = [first <= i < first + len(shifts) for i in range(N)]
    np.testing.assert_array_equal(find_strays(times, EVEN, TOLERANCE), expected)


@given(st.lists(st.integers(1, 10**14), min_size=5, max_size=N))
def test_a_clock_that_never_runs_back_has_no_strays(steps: list[int]) -> None:
    times = np.cumsum(steps)
    assert not find_strays(times, EVEN[: len(times)], TOLERANCE).any()


@given(st.integers(1, N - 1), st.integers(-(10**17), 10**17))
def test_a_clock_that_is_set_has_no_strays(at: int, shift: int) -> None:
    times = EVEN + 10**18 + np.where(np.arange(N) >= at, shift, 0)
    assert not find_strays(times, EVEN, TOLERANCE).any()


@pytest.mark.parametrize("length", [1, 2, 3, 7])
def test_swapped_and_repeated_blocks_are_no_strays(length: int) -> None:
    a, b, c = 20, 20 + length, 20 + 2 * length
    swapped = np.concatenate([EVEN[:a], EVEN[b:c], EVEN[a:b], EVEN[c:]])
    assert not find_strays(swapped, EVEN, STEP / 2).any()
    repeated = np.concatenate([EVEN[:c], EVEN[a:b], EVEN[c:]])
    assert not find_strays(repeated, np.arange(len(repeated)) * STEP, STEP / 2).any()


def test_ends_are_alone_if_no_others_are_as_far_apart() -> None:
    gaps = np.zeros(N, np.int64)
    assert find_lone_ends(gaps, STEP) == ((False, False), 0)
    gaps[-1] = 2 * STEP
    assert find_lone_ends(gaps, STEP) == ((False, True), 0)
    gaps[0] = -(10**15)
    assert find_lone_ends(gaps, STEP) == ((True, True), 0)
    gaps[30] = 10**10  # the last one is no further away than that
    assert find_lone_ends(gaps, STEP) == ((True, False), 10**10)
    gaps[0] = STEP
    assert find_lone_ends(gaps, STEP) == ((False, False), 10**10)
