"""Thresholds of u* as they are published: with a run, in the manifest, by the API, on pages and by the command."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

ThresholdKind = Literal["fixed", "season", "year", "VUT", "CUT"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UstarThreshold:
    """A threshold of u*, and what it holds for.

    Attributes
    ----------
    kind : str
        ``fixed``: given by hand, of all records. ``season``, ``year``: of one. ``VUT``, ``CUT``: of one of forty-one
        versions under FLUXNET's names, of a year or of all years.
    value : float
        [m s-1]
    year : int or None
        Calendar year; of a season that in which it begins. None: all years.
    season : int or None
        Which season of the year: the month in which it begins, or Barr's number from 1. None: the whole year.
    percentile : float or None
        Percentile over the bootstraps; None: of the records as they are, or of pooled methods the median. [%]
    """

    kind: ThresholdKind
    value: float
    year: int | None = None
    season: int | None = None
    percentile: float | None = None

    @property
    def scope(self) -> str:
        """Year, season and percentile in few words; a season is numbered as REddyProc does: ``1998012``."""
        number = "" if self.year is None else f"{self.year}" if self.season is None else f"{self.year}{self.season:03d}"
        percentile = "" if self.percentile is None else f"{self.percentile:g} %"
        return f"{number} {percentile}".strip()

    @property
    def label(self) -> str:
        """What it holds for: ``season 1998012``, ``VUT 1998 50 %``."""
        return f"{self.kind} {self.scope}".strip()


def range_in_use(thresholds: Iterable[UstarThreshold], *, by_season: bool) -> tuple[float, float] | None:
    """Return the smallest and the largest threshold that NEE itself was filtered by, None without. [m s-1]

    Parameters
    ----------
    thresholds : iterable of UstarThreshold
    by_season : bool
        Whether seasons had thresholds of their own; else years had.
    """
    kinds = ("fixed", "season" if by_season else "year")
    used = [one.value for one in thresholds if one.kind in kinds and one.percentile is None]
    return (min(used), max(used)) if used else None
