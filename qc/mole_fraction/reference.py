"""The reference tank: its response between two of its runs, and how well that is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.clock import NS
from core.records import FloatArray
from core.station.mole_fraction import MoleFraction, seconds
from qc.mole_fraction import kernels
from qc.mole_fraction.series import TankRun, Times

POOL_NS = 86_400 * NS
"""Residuals of the jackknife are taken together over this long: what an analyser drifts is its own for days. [ns]"""
MIN_RESIDUALS = 3
"""With fewer residuals nothing is said about the drift."""
CORRELATED = 1.5
"""Residuals of neighbouring runs of a random walk have a correlation of -1/2: 1 + 2 (1/2)2 of them count as one."""


@dataclass(frozen=True)
class Reference:
    """Runs of the reference tank, oldest first.

    Attributes
    ----------
    tanks : tuple of str
        Tank of each run.
    time, value, variance : ndarray, shape (r,)
        Mean time [ns], response, and variance of that mean by noise and drift within the run.
    noise : ndarray, shape (r,)
        Variance of one sample's noise as it counts in a mean: its serial correlation is in it.
    bracketed : ndarray, shape (r,), bool
        Whether this run and the next bracket samples: same tank, near enough, no outage between.
    diffusion : ndarray, shape (r,)
        Variance that the baseline gathers between this run and the next. [unit2 ns-1]
    freedom : ndarray, shape (r,)
        Degrees of freedom of that; 0 where too few residuals were there, and diffusion is NaN.
    presumed : ndarray, shape (r,)
        Diffusion, where it is not known yet that of the runs that follow within a day; NaN if there is none.
    """

    tanks: tuple[str, ...]
    time: Times
    value: FloatArray
    variance: FloatArray
    noise: FloatArray
    bracketed: NDArray[np.bool_]
    diffusion: FloatArray
    freedom: FloatArray
    presumed: FloatArray

    def number_of(self, tank: str) -> int:
        """Return the number of a tank among those that were the reference; -1 for another."""
        return self._numbers.get(tank, -1)

    @cached_property
    def tank_numbers(self) -> NDArray[np.int64]:
        """Number of each run's tank, shape (r,)."""
        return np.array([self._numbers[tank] for tank in self.tanks], np.int64)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {tank: i for i, tank in enumerate(dict.fromkeys(self.tanks))}


def lead_tank(part: MoleFraction, time_ns: int) -> str | None:
    """Return the tank to which responses are referred: the reference, without one the first standard of the file."""
    roles = ("reference",) if part.calibration.method == "reference" else ("reference", "standard")
    for role in roles:
        for port in part.port:
            if port.role == role and port.tank is not None and part.port_at(port.number, time_ns) is port:
                return port.tank
    return None


def find_reference(runs: Sequence[TankRun], part: MoleFraction, outage_ns: Times) -> Reference:
    """Order the runs of the reference, and learn from them how the baseline drifts.

    Each run that stands between two others is left out in turn and interpolated from these (a jackknife). Its residual
    is the drift of a random walk over the gap, plus the noise of three means; what is left without the noise, over a
    day, gives the walk's diffusion.

    Parameters
    ----------
    runs : sequence of TankRun
        Of one gas, oldest first.
    part : MoleFraction
        Gives reference tanks and the longest bracket.
    outage_ns : ndarray, int64
        Start of each outage: the baseline may leap there.
    """
    own = [run for run in runs if run.used and run.tank == lead_tank(part, run.time_ns)]
    time = np.array([run.time_ns for run in own], np.int64)
    value = np.array([run.value for run in own], np.float64)
    variance = np.array([run.variance for run in own], np.float64)
    length = np.array([run.end_ns - run.start_ns for run in own], np.float64)
    noise = variance * np.array([run.n for run in own], np.float64)
    longest = part.calibration.bracket if part.calibration.method == "reference" else part.calibration.max_gap
    bracketed = np.zeros(len(own), bool)
    for i in range(len(own) - 1):
        same = own[i].tank == own[i + 1].tank
        interrupted = np.searchsorted(outage_ns, time[i]) < np.searchsorted(outage_ns, time[i + 1])
        bracketed[i] = same and time[i + 1] - time[i] < seconds(longest) and not interrupted
    diffusion, count = kernels.learn_diffusion(time, value, variance, length, bracketed, POOL_NS, MIN_RESIDUALS)
    within = np.zeros(len(own))
    if len(own):
        within = np.where(np.isfinite(diffusion), diffusion, 0.0) * length / 12
    tanks = tuple(run.tank for run in own)
    presumed = diffusion.copy()
    for i in range(len(own) - 2, -1, -1):
        if not np.isfinite(presumed[i]) and time[i + 1] - time[i] < POOL_NS:
            presumed[i] = presumed[i + 1]
    return Reference(tanks, time, value, variance + within, noise, bracketed, diffusion, count / CORRELATED, presumed)


def interpolate(reference: Reference, time_ns: int) -> float | None:
    """Return the reference's response at a time; None outside a bracket."""
    i = _bracket_at(reference, time_ns)
    if i < 0:
        return None
    w = _weight(reference, i, time_ns)
    return float((1 - w) * reference.value[i] + w * reference.value[i + 1])


def base_covariance(reference: Reference, one_ns: int, other_ns: int) -> float:
    """Return the covariance of the interpolated reference at two times; 0 outside brackets.

    Within a bracket it is that of a Brownian bridge; neighbouring brackets share the noise of the run between them.
    """
    early, late = min(one_ns, other_ns), max(one_ns, other_ns)
    i, j = _bracket_at(reference, early), _bracket_at(reference, late)
    if i < 0 or j < 0 or j - i > 1:
        return 0.0
    v, w = _weight(reference, i, early), _weight(reference, j, late)
    if i < j:
        return float(v * (1 - w) * reference.variance[j])
    span = float(reference.time[i + 1] - reference.time[i])
    drift = reference.presumed[i] * v * (1 - w) * span
    by_noise = (1 - v) * (1 - w) * reference.variance[i] + v * w * reference.variance[i + 1]
    return float(by_noise + (drift if np.isfinite(drift) else 0.0))


def _bracket_at(reference: Reference, time_ns: int) -> int:
    i = int(np.searchsorted(reference.time, time_ns, side="right")) - 1
    return i if i >= 0 and reference.bracketed[i] else -1


def _weight(reference: Reference, i: int, time_ns: int) -> float:
    return float(time_ns - reference.time[i]) / float(reference.time[i + 1] - reference.time[i])
