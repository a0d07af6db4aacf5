"""What is told of a season beside its half-hours: sums, thresholds, notes; worked out once, for all who tell it."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from fluxcalc.season.cumulative import CumulativeSum, cumulate, describe_cumulative
from fluxcalc.season.energy_balance import Closure
from fluxcalc.season.record import Season, SeasonMethods
from fluxcalc.season.sums import Total, sum_season
from fluxcalc.season.ustar.published import UstarThreshold

PACKAGES = ("fluxtower", "numpy", "numba", "scipy", "polars", "lightgbm")
"""Whose versions are told."""


@dataclass(frozen=True, slots=True)
class SeasonReport:
    """All that is told of a season beside its half-hours.

    Attributes
    ----------
    methods : SeasonMethods
    packages : mapping of str to str
        Program -> version.
    thresholds : tuple of UstarThreshold
        By season, by year, and of the versions.
    e0 : float or None
        Sensitivity of respiration to temperature by the night-time method. [K]
    skill : mapping of str to mapping of str to float
        As of ``Season``.
    sums : mapping of str to Total
        Result -> its sum.
    cumulative : CumulativeSum or None
        Of NEE.
    utc_offset : float
        Local standard time, in which the days of ``cumulative`` end, minus UTC. [h]
    closure : Closure or None
        Of the energy balance.
    notes : tuple of str
        What was done and what one should know.
    reasons : mapping of str to str
        Result -> why there is none.
    problems : tuple of str
        What is wrong with the input.
    """

    methods: SeasonMethods
    packages: Mapping[str, str]
    thresholds: tuple[UstarThreshold, ...]
    e0: float | None
    skill: Mapping[str, Mapping[str, float]]
    sums: Mapping[str, Total]
    cumulative: CumulativeSum | None
    utc_offset: float
    closure: Closure | None
    notes: tuple[str, ...]
    reasons: Mapping[str, str]
    problems: tuple[str, ...]

    def described(self) -> dict[str, object]:
        """Return what the manifest and a stored run have of it, under their keys."""
        return {
            "methods": asdict(self.methods),
            "versions": self.packages,
            "thresholds": [asdict(threshold) for threshold in self.thresholds],
            "E0": self.e0,
            "cross_validated": self.skill,
            "sums": {name: asdict(total) for name, total in self.sums.items()},
            "energy_balance": None if self.closure is None else asdict(self.closure),
            "notes": self.notes,
            "not_done": self.reasons,
            "problems": self.problems,
        }

    def described_course(self) -> dict[str, object] | None:
        """Return the sum of NEE to the end of each day as a stored run has it, None without one."""
        return None if self.cumulative is None else describe_cumulative(self.cumulative, self.utc_offset)


def report_season(season: Season, methods: SeasonMethods) -> SeasonReport:
    """Work out what is told of a season that went through its steps.

    Parameters
    ----------
    season : Season
    methods : SeasonMethods
        By which it was made.
    """
    return SeasonReport(
        methods=methods,
        packages={name: importlib.metadata.version(name) for name in PACKAGES},
        thresholds=season.thresholds,
        e0=season.e0,
        skill=season.skill,
        sums=sum_season(season),
        cumulative=cumulate(season),
        utc_offset=season.utc_offset,
        closure=season.closure,
        notes=season.notes,
        reasons=season.reasons,
        problems=season.problems,
    )
