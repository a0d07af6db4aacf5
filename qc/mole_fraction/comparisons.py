"""Flasks and round-robin tanks: values of another laboratory beside those of the station."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from qc.codes import GOOD
from qc.mole_fraction.scales import convert_scale
from qc.mole_fraction.series import Means, TargetRun


@dataclass(frozen=True)
class OtherValue:
    """A value of another laboratory: of air in a flask, or of a tank that goes round.

    Attributes
    ----------
    gas, scale : str
        What, and on which scale.
    start_ns, end_ns : int
        When the flask was filled, or the time in which the tank was measured. [ns since 1970 UTC]
    value, u : float
        In the gas's unit.
    where : str
        Name of the intake of a flask; serial of a tank.
    laboratory : str
        Whose value it is.
    """

    gas: str
    scale: str
    start_ns: int
    end_ns: int
    value: float
    u: float
    where: str
    laboratory: str = ""


class Comparison(NamedTuple):
    """The station's value beside another's: ``difference`` is ours minus theirs, ``u`` its uncertainty."""

    other: OtherValue
    value: float
    n: int
    difference: float
    u: float
    within_goal: bool

    @property
    def normal(self) -> float:
        """The difference over its uncertainty."""
        return self.difference / self.u


def compare_flask(flask: OtherValue, minutes: Means, goal: float) -> Comparison | None:
    """Compare a flask with the good minutes in which it was filled; None if there are none.

    Parameters
    ----------
    flask : OtherValue
        Of air.
    minutes : Means
        Of the gas. Their spread counts in the uncertainty: a flask mixes them in its own way.
    goal : float
        Largest difference that is accepted, in the gas's unit.
    """
    if flask.where not in minutes.intakes:
        return None
    own = (minutes.intake == minutes.intakes.index(flask.where)) & (minutes.flag == GOOD)
    own &= (minutes.time_ns + minutes.step_s * 10**9 > flask.start_ns) & (minutes.time_ns < flask.end_ns)
    if not own.any():
        return None
    value, u = minutes.value[own], minutes.u[own]
    spread = float(np.std(value, ddof=1)) if len(value) > 1 else float(minutes.sd[own][0])
    theirs = convert_scale(flask.value, flask.gas, flask.scale, minutes.scale)
    return _comparison(flask, float(value.mean()), len(value), theirs, (float(u.mean()), spread, flask.u), goal)


def compare_round_robin(tank: OtherValue, runs: Sequence[TargetRun], scale: str, goal: float) -> Comparison | None:
    """Compare a tank that goes round with the good runs in which it was measured as a target; None without one."""
    own = [run for run in runs if (run.tank, run.gas, run.flag) == (tank.where, tank.gas, GOOD)]
    own = [run for run in own if tank.start_ns <= run.time_ns < tank.end_ns]
    if not own:
        return None
    values = np.array([run.value for run in own])
    spread = float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0
    theirs = convert_scale(tank.value, tank.gas, tank.scale, scale)
    u = float(np.mean([run.u for run in own]))
    return _comparison(tank, float(values.mean()), len(own), theirs, (u, spread, tank.u), goal)


def _comparison(
    other: OtherValue, value: float, n: int, theirs: float, parts: tuple[float, float, float], goal: float
) -> Comparison:
    difference = value - theirs
    return Comparison(
        other, value, n, difference, float(np.sqrt(sum(part**2 for part in parts))), abs(difference) <= goal
    )
