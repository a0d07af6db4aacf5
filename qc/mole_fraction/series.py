"""What goes into the chain of mole fractions, and what comes out: arrays in small frozen classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.records import FloatArray

Times = NDArray[np.int64]
Marks = NDArray[np.uint32]
MINUTE_S, HOUR_S = 60, 3600

VALVE, GAP, RULE, FLUSH, WARM_UP, WATER, REFERENCE, CALIBRATION, SPIKE, EVENT, DRIFT = (1 << i for i in range(11))
REASONS: Mapping[int, str] = {
    VALVE: "valve: nothing is declared at this port at this time",
    GAP: "missing: the analyser gave no number, or none that can be",
    RULE: "instrument: outside a limit of the rule table",
    FLUSH: "flush: the valve had just changed",
    WARM_UP: "warm-up: the analyser had just come back from an outage",
    WATER: "water: the vapour is missing, negative or more than air holds, so that no dry value can be made",
    REFERENCE: "reference: not between two runs of the same reference tank",
    CALIBRATION: "calibration: no calibration is near enough in time",
    SPIKE: "spike: a short peak of a close-by source",
    EVENT: "event: a test or a visit",
    DRIFT: "drift: too few runs of the reference to tell how it drifts, so that there is no uncertainty",
}
"""Bit -> what it says; each text begins with the name of the check."""

USED, PROVISIONAL, DOUBTFUL, LEFT_OUT = range(4)
"""What becomes of a sample: used; not between two references (yet); of a suspect instrument; not used."""


def reasons_of(mark: int) -> list[str]:
    """Return the reasons that a mark holds, in words."""
    return [text for bit, text in REASONS.items() if mark & bit]


@dataclass(frozen=True)
class RawSeries:
    """What an analyser's stream sent, oldest first, in the units of its channels (after ``gain``, as they are stored).

    Attributes
    ----------
    time_ns : ndarray, shape (n,), int64
        Strictly ascending. [ns since 1970 UTC]
    values : ndarray, shape (n, channels), float64
        NaN is missing.
    channels : tuple of str
        Names of the columns, as the station file has them.
    """

    time_ns: Times
    values: FloatArray
    channels: tuple[str, ...]

    def column(self, name: str) -> FloatArray:
        """Return a channel's values."""
        return self.values[:, self.channels.index(name)]


@dataclass(frozen=True)
class Event:
    """Something that a person did: a test of a sampling line, a weekly check, a visit.

    Attributes
    ----------
    kind : str
        ``line_test``: gas of a tank given to the inlet of an intake, drawn through the whole line; ``weekly_check``:
        results of a list of checks; ``visit``: anything else in which the intake does not see the air.
    start_ns, end_ns : int
        [ns since 1970 UTC]
    intake : str
        Which intake; empty is all of them.
    tank : str
        Serial of the tank of a line test.
    checks : mapping of str to bool
        Of a weekly check: what was looked at, and whether it was in order.
    note, by : str
        What was done, and who did it.
    """

    kind: Literal["line_test", "weekly_check", "visit"]
    start_ns: int
    end_ns: int
    intake: str = ""
    tank: str = ""
    checks: Mapping[str, bool] = field(default_factory=dict)
    note: str = ""
    by: str = ""


@dataclass(frozen=True)
class Means:
    """Means of a gas over minutes or hours, a row per time and intake, oldest first.

    Attributes
    ----------
    gas, unit, scale : str
        What it is: dry mole fraction in ``unit`` on a calibration scale.
    step_s : int
        60 or 3600.
    time_ns : ndarray, shape (n,), int64
        Start of the minute or hour. [ns since 1970 UTC]
    intake : ndarray, shape (n,), int16
        Place in ``intakes``.
    intakes : tuple of str
        Names of the intakes.
    value, sd, u : ndarray, shape (n,), float64
        Mean, standard deviation of the samples about it, and uncertainty of the mean: the truth lies within ``value``
        +/- ``u`` in 68.27 of 100 cases. NaN where there is none.
    n : ndarray, shape (n,), int32
        Samples that the mean is made of.
    flag : ndarray, shape (n,), int16
        1 good, 2 provisional (not between two runs of the reference, or not yet), 3 suspect, 4 bad (no value).
    marks : ndarray, shape (n,), uint32
        Why it is not good: bits of ``REASONS``.
    """

    gas: str
    unit: str
    scale: str
    step_s: int
    time_ns: Times
    intake: NDArray[np.int16]
    intakes: tuple[str, ...]
    value: FloatArray
    sd: FloatArray
    u: FloatArray
    n: NDArray[np.int32]
    flag: NDArray[np.int16]
    marks: Marks

    def __len__(self) -> int:
        return len(self.time_ns)

    def reasons(self, row: int) -> list[str]:
        """Return in words why a row is not good."""
        return reasons_of(int(self.marks[row]))

    def between(self, start_ns: int, end_ns: int) -> Means:
        """Return the rows that start in [start, end)."""
        return self.chosen((self.time_ns >= start_ns) & (self.time_ns < end_ns))

    def chosen(self, rows: NDArray[np.bool_]) -> Means:
        """Return some of the rows."""
        head = (self.gas, self.unit, self.scale, self.step_s)
        return Means(
            *head,
            self.time_ns[rows],
            self.intake[rows],
            self.intakes,
            self.value[rows],
            self.sd[rows],
            self.u[rows],
            self.n[rows],
            self.flag[rows],
            self.marks[rows],
        )


class TankRun(NamedTuple):
    """A stretch in which a tank was measured without interruption, flushing and flagged samples left out.

    ``value`` is the analyser's dry response, uncalibrated, in the gas's unit; ``variance`` is that of this mean by the
    noise of the samples. ``used`` is False where there are too few samples.
    """

    gas: str
    tank: str
    role: str
    port: int
    start_ns: int
    end_ns: int
    time_ns: int
    value: float
    sd: float
    n: int
    variance: float
    water: float
    used: bool


class Calibration(NamedTuple):
    """A response function at a time: mole fraction = c0 + c1 x + c2 x2, x = response - reference - ``centre``.

    ``reference`` is the tank that is subtracted; empty: none is. ``covariance`` is that of the coefficients by the
    assigned values and, apart, by the responses; ``residuals`` are assigned minus fitted values of ``tanks``; ``chi2``
    of them has ``freedom`` degrees.
    """

    gas: str
    time_ns: int
    reference: str
    centre: float
    coefficients: tuple[float, float, float]
    assigned_covariance: FloatArray
    response_covariance: FloatArray
    tanks: tuple[str, ...]
    responses: tuple[float, ...]
    response_sds: tuple[float, ...]
    assigned: tuple[float, ...]
    assigned_sds: tuple[float, ...]
    residuals: tuple[float, ...]
    chi2: float
    freedom: int


class TargetRun(NamedTuple):
    """A target measured as if it were air: its mole fraction, what it should be, and the difference."""

    gas: str
    tank: str
    time_ns: int
    value: float
    u: float
    sd: float
    n: int
    assigned: float
    u_assigned: float
    flag: int

    @property
    def bias(self) -> float:
        """Measured minus assigned."""
        return self.value - self.assigned


class Repeatability(NamedTuple):
    """The CMR of a tank that was measured for a day on end: sd of its minutes and hours, responses as they are."""

    gas: str
    tank: str
    start_ns: int
    end_ns: int
    of_minutes: float
    of_hours: float


class Alarm(NamedTuple):
    """Something that a person must see to. ``about``: tank, intake or channel; ``value`` beyond ``limit``."""

    kind: str
    level: str
    gas: str
    about: str
    time_ns: int
    value: float
    limit: float
    text: str


class LineTest(NamedTuple):
    """What came of gas of a tank given to the inlet of an intake."""

    gas: str
    intake: str
    tank: str
    start_ns: int
    end_ns: int
    value: float
    sd: float
    n: int
    assigned: float
    difference: float
    passed: bool


@dataclass(frozen=True)
class MoleFractions:
    """All that comes of a stretch of an analyser's raw data; ``minutes`` and ``hours`` by gas."""

    minutes: Mapping[str, Means]
    hours: Mapping[str, Means]
    tank_runs: tuple[TankRun, ...]
    calibrations: tuple[Calibration, ...]
    targets: tuple[TargetRun, ...]
    line_tests: tuple[LineTest, ...]
    alarms: tuple[Alarm, ...]
    account: Mapping[str, Mapping[str, int]]
    """Gas -> reason (or ``used``, ``tank``) -> samples."""
    repeatabilities: tuple[Repeatability, ...] = ()
    notes: tuple[str, ...] = ()
    """What is out of the ordinary, in words: a fallback, a conversion between scales."""
