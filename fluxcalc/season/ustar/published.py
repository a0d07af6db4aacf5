"""Thresholds of u* as they are published: with a run, in the manifest, by the API, on pages and by the command."""

from __future__ import annotations

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
