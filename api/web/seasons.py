"""What the pages say of season runs: sums, thresholds and inputs as lines to read, times on the page's clock."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any, NamedTuple

from api.deps import longest_table
from core.frames import PRODUCT_COLUMNS
from core.store import RunRow
from fluxcalc.season.ustar.published import UstarThreshold

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
# the database does not keep the order of names
_ORDER = ("NEE_F", "RECO_NT", "GPP_NT", "RECO_DT", "GPP_DT", "FCH4_F", "ET", "LE_F", "H_F", "LE_CORR", "H_CORR")
_PARTS = ("random", "filling", "ustar", "joint")


class Sum(NamedTuple):
    """A sum of a season, with standard deviations of what its uncertainty consists of; None is not known."""

    name: str
    value: float | None
    unit: str
    random: float | None
    filling: float | None
    ustar: float | None
    joint: float | None


def sums_of(run: RunRow) -> list[Sum]:
    """Return the sums that a run has."""
    sums: Mapping[str, Mapping[str, Any]] = run.provenance.get("sums") or {}
    return [
        Sum(name, said.get("value"), said.get("unit", "gC m-2"), *(said.get(part) for part in _PARTS))
        for name, said in sorted(sums.items(), key=lambda item: (*_ORDER, item[0]).index(item[0]))
    ]


def exchange_of(run: RunRow) -> Sum | None:
    """Return a run's sum of NEE."""
    return next((total for total in sums_of(run) if total.name == "NEE_F"), None)


def thresholds_of(run: RunRow) -> list[UstarThreshold]:
    """Return the thresholds of u* that a run has."""
    return [UstarThreshold(**said) for said in run.provenance.get("thresholds") or []]


def inputs_of(run: RunRow) -> list[tuple[str, str]]:
    """Return what a run was made of: paths of names into what was kept, and values as text."""
    return sorted(_flat(run.provenance.get("inputs") or {}, ""))


def _flat(said: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in said.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif value not in (None, [], ""):
            yield f"{prefix}{name}", ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def downloads_of(run: RunRow) -> list[str]:
    """Return queries of a run's half-hours: one, or several of parts that can each be answered at once."""
    period = period_of(run)
    if period is None:
        return []
    step = timedelta(minutes=run.minutes or 30)
    series = len(PRODUCT_COLUMNS) - 1 + len(run.further)
    parts = -(-(period[1] - period[0]) // longest_table(step.total_seconds(), series))
    if parts == 1:
        return [""]
    cuts = [period[0] + step * (run.intervals * part // parts) for part in range(parts)] + [period[1]]
    return [f"&from={begin:%Y-%m-%dT%H:%MZ}&to={end:%Y-%m-%dT%H:%MZ}" for begin, end in pairwise(cuts)]


def period_of(run: RunRow) -> tuple[datetime, datetime] | None:
    """Return begin and end of a run, None of an empty one."""
    if run.first is None or run.last is None:
        return None
    return run.first, run.last + timedelta(minutes=run.minutes or 30)


class PageClock:
    """Times as the page shows them.

    Parameters
    ----------
    zone : str
        ``utc``, or ``local`` for the station's standard time.
    offset : float
        Of that from UTC. [h]
    """

    def __init__(self, zone: str, offset: float) -> None:
        self._zone = timezone(timedelta(hours=0 if zone == "utc" else offset))
        minutes = round(abs(offset) * 60)
        sign = "−" if offset < 0 else "+"
        self.name = "UTC" if zone == "utc" else f"UTC{sign}{minutes // 60:02d}:{minutes % 60:02d}"

    def __call__(self, time: datetime) -> str:
        """Return date and time to the minute."""
        return f"{time.astimezone(self._zone):%Y-%m-%d %H:%M}"


def number_text(value: float | None, decimals: int | None = None) -> str:
    """Return a number with about four digits and a true minus sign, as the scripts do; a dash where there is none."""
    if value is None:
        return "–"
    if decimals is None:
        size = abs(value)
        decimals = 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 1 else 3
    return f"{value:.{decimals}f}".replace("-", "−")


def unit_text(unit: str) -> str:
    """Return ``gC m-2`` as gC m⁻²."""
    return re.sub(r"(?<=[A-Za-z])-?\d", lambda power: power[0].translate(_SUPERSCRIPTS), unit)
