"""Each fault once: what was sent is what is stored. `benchmarks/faults.py` repeats them under load."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.faults import FAULTS, FaultCounts, Platform, can_mount, compare, platform_in, run_fault

pytestmark = [pytest.mark.integration, pytest.mark.alone]

TOWERS, SECONDS, CUT_SECONDS = 5, 3.0, 3.0


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with platform_in(tmp_path_factory.mktemp("faults")) as platform:
        yield platform


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "disk"])
def test_nothing_is_lost_doubled_or_torn(platform: Platform, fault: str) -> None:
    assert_clean(run_fault(fault, platform, TOWERS, SECONDS, CUT_SECONDS))


def test_nothing_is_lost_doubled_or_torn_when_the_disk_is_full(tmp_path: Path) -> None:
    if not can_mount():
        pytest.skip("no volume can be mounted here")
    with platform_in(tmp_path, small_disk=True) as platform:
        assert_clean(run_fault("disk", platform, TOWERS, SECONDS, CUT_SECONDS))


def assert_clean(counts: FaultCounts) -> None:
    assert counts.sent > 0
    assert (counts.lost, counts.doubled, counts.torn, counts.unacknowledged) == (0, 0, 0, 0)


def test_the_comparison_finds_what_is_wrong() -> None:
    sent = {("x-0", 1): (1.0, -0.5), ("x-0", 2): (2.0, -1.0), ("x-0", 3): (3.0, -1.5)}
    stored = {("x-0", 1): (1.0, -0.5), ("x-0", 2): (2.0, -9.0), ("x-0", 9): (9.0, -4.5)}
    counts = compare(sent, stored, 4, 1, 2, 7.0)
    assert (counts.sent, counts.lost, counts.doubled, counts.torn, counts.unacknowledged) == (3, 1, 4, 3, 2)
