"""Targets, their alarms, CMR, LTR and tests of sampling lines."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qc.codes import BAD, GOOD
from qc.mole_fraction.performance import alarms_of, continuous_repeatability, line_test, long_term_repeatability
from qc.mole_fraction.series import TargetRun

MINUTE = 60 * 10**9


def target(hour: int, bias: float, *, flag: int = GOOD, tank: str = "T1") -> TargetRun:
    return TargetRun("CO2", tank, hour * 60 * MINUTE, 410.0 + bias, 0.02, 0.03, 60, 410.0, 0.02, flag)


@pytest.mark.parametrize(
    ("biases", "levels"),
    [
        ([0.05, 0.09, -0.09], []),
        ([0.12, 0.05, 0.12], []),
        ([0.12, 0.13], ["warning"]),
        ([0.12, -0.13], []),
        ([0.12, 0.13, 0.14], ["warning", "warning"]),
        ([0.05, 0.21], ["critical"]),
        ([0.15, 0.21, 0.15], ["critical", "warning"]),
    ],
)
def test_alarms_of_targets(biases: list[float], levels: list[str]) -> None:
    found = alarms_of([target(i, bias) for i, bias in enumerate(biases)], {"CO2": 0.1})
    assert [alarm.level for alarm in found] == levels


def test_a_run_that_is_not_good_is_no_alarm_and_tanks_are_apart() -> None:
    runs = [target(0, 0.15), target(1, 0.5, flag=BAD), target(2, 0.15, tank="T2"), target(3, math.nan)]
    assert alarms_of(runs, {"CO2": 0.1}) == []


def test_a_drifting_target_alarms_within_two_runs() -> None:
    runs = [target(i, 0.03 * i) for i in range(8)]
    first_beyond = next(i for i, run in enumerate(runs) if run.bias > 0.1)
    alarms = alarms_of(runs, {"CO2": 0.1})
    assert alarms[0].time_ns == runs[first_beyond + 1].time_ns


def test_repeatability_of_a_day() -> None:
    time = np.arange(1440, dtype=np.int64) * MINUTE
    value = 400 + np.where(np.arange(1440) // 60 % 2, 0.1, -0.1)
    # hours alternate by +/-0.1: the sd of 24 of them is 0.1 sqrt(24/23); of 1440 minutes 0.1 sqrt(1440/1439)
    assert continuous_repeatability(time, value, 3600) == pytest.approx(0.1 * math.sqrt(24 / 23))
    assert continuous_repeatability(time, value, 60) == pytest.approx(0.1 * math.sqrt(1440 / 1439))
    assert math.isnan(continuous_repeatability(time[:1200], value[:1200], 60))


def test_repeatability_of_targets() -> None:
    assert long_term_repeatability([target(0, 0.1), target(1, 0.2), target(2, 0.3)]) == pytest.approx(0.1)
    assert math.isnan(long_term_repeatability([target(0, 0.1), target(1, 0.2), target(2, 9, flag=BAD)]))


def test_a_line_is_judged_when_the_gas_has_filled_it() -> None:
    time = np.arange(20, dtype=np.int64) * MINUTE
    value = np.where(np.arange(20) < 10, 450.0, 410.15)
    span = (0, 20 * MINUTE, 410.0)
    failed = line_test("CO2", "40m", "T1", time, value, *span, 0.1)
    assert (failed.n, failed.passed) == (10, False)
    assert failed.difference == pytest.approx(0.15)
    assert line_test("CO2", "40m", "T1", time, value, *span, 0.2).passed
