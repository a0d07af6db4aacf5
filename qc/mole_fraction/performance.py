"""How good the analyser is: targets, their alarms, CMR and LTR, tests of sampling lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from core.clock import NS
from core.records import FloatArray
from qc.codes import GOOD
from qc.mole_fraction.series import Alarm, LineTest, TargetRun, Times

DAY_NS = 86_400 * NS
MIN_CMR_SHARE = 0.9
"""A continuous run is one of which at least this share of the day is there."""
SAMPLED_PART = 0.5
"""Of a test of a sampling line the last part is judged: until then the tank's gas fills the line."""


def alarms_of(targets: Iterable[TargetRun], goals: Mapping[str, float]) -> list[Alarm]:
    """Return the alarms of a sequence of target runs, oldest first.

    Warning: the bias of a target is beyond the goal twice running, on the same side. Critical: once beyond twice that.

    Parameters
    ----------
    targets : iterable of TargetRun
        Of any gases and tanks; those of one gas and tank are compared with each other. A run that is not good, or of
        which nothing is assigned, does not count.
    goals : mapping of str to float
        Gas -> largest bias that is accepted.
    """
    last: dict[tuple[str, str], float] = {}
    found = []
    for run in sorted(targets, key=lambda one: one.time_ns):
        if run.flag != GOOD or not np.isfinite(run.bias):
            continue
        goal, key = goals[run.gas], (run.gas, run.tank)
        before = last.get(key, 0.0)
        last[key] = run.bias
        said = f"target: {run.tank} is off by {run.bias:+.3f} in {run.gas}"
        if abs(run.bias) > 2 * goal:
            text = f"{said}, more than twice the goal of {goal:g}"
            found.append(Alarm("target", "critical", run.gas, run.tank, run.time_ns, run.bias, 2 * goal, text))
        elif abs(run.bias) > goal and before * run.bias > 0 and abs(before) > goal:
            text = f"{said}, beyond the goal of {goal:g} twice running"
            found.append(Alarm("target", "warning", run.gas, run.tank, run.time_ns, run.bias, goal, text))
    return found


def continuous_repeatability(time: Times, value: FloatArray, step_s: int) -> float:
    """Return the CMR: the sd of means over ``step_s`` of a tank that was measured for 24 h on end.

    Parameters
    ----------
    time : ndarray, shape (n,), int64
        Of minutes. [ns since 1970 UTC]
    value : ndarray, shape (n,)
        Minutes of the tank; NaN is missing.
    step_s : int
        60 for minutes, 3600 for hours.

    Returns
    -------
    float
        NaN if less than 90 % of 24 h are there.

    References
    ----------
    Yver Kwok et al. (2015), doi:10.5194/amt-8-3867-2015
    """
    use = np.isfinite(value) & (time < time[:1] + DAY_NS)
    if use.sum() < MIN_CMR_SHARE * DAY_NS / (60 * NS):
        return float("nan")
    # counted from the first minute: a part of an hour would scatter more
    _, group = np.unique((time[use] - time[0]) // (step_s * NS), return_inverse=True)
    means = np.bincount(group, value[use]) / np.bincount(group)
    return float(np.std(means, ddof=1))


def long_term_repeatability(targets: Sequence[TargetRun]) -> float:
    """Return the LTR: the sd of the means of repeated runs of one target; NaN for fewer than three good ones.

    References
    ----------
    Yver Kwok et al. (2015), doi:10.5194/amt-8-3867-2015
    """
    means = [run.value for run in targets if run.flag == GOOD]
    return float(np.std(means, ddof=1)) if len(means) >= 3 else float("nan")


def line_test(
    gas: str,
    intake: str,
    tank: str,
    time: Times,
    value: FloatArray,
    start_ns: int,
    end_ns: int,
    assigned: float,
    goal: float,
) -> LineTest:
    """Judge gas of a tank that was given to an intake: the line passes if the difference is within the goal.

    Parameters
    ----------
    time, value : ndarray, shape (n,)
        Calibrated samples of the intake; of those in [start, end) the second half is used.
    assigned, goal : float
        What the tank holds, and the largest difference that is accepted.
    """
    begin = start_ns + int(SAMPLED_PART * (end_ns - start_ns))
    own = value[(time >= begin) & (time < end_ns) & np.isfinite(value)]
    mean = float(own.mean()) if own.size else float("nan")
    sd = float(own.std(ddof=1)) if own.size > 1 else float("nan")
    difference = mean - assigned
    return LineTest(
        gas, intake, tank, start_ns, end_ns, mean, sd, own.size, assigned, difference, abs(difference) <= goal
    )
