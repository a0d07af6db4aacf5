"""How a season's sum of NEE grew: to the end of each day, with its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta

import numpy as np
import polars as pl

from core.records import FloatArray
from fluxcalc.season.aggregates import find_periods
from fluxcalc.season.record import Season
from fluxcalc.season.sums import SUMS, versions_of

MAX_DAYS = 800
"""Most days that are kept with a run; of longer seasons every second, third... one."""
DECIMALS = 3


@dataclass(frozen=True, slots=True)
class CumulativeSum:
    """Sums of NEE from the begin of a season to the end of each of its days.

    Attributes
    ----------
    end : pl.Series of datetime, length d
        End of the day's last record, local standard time.
    value : ndarray, shape (d,), float64
        Records without a value left out; NaN on days that have one. [gC m-2]
    joint : ndarray, shape (d,), float64
        One standard deviation: random, of filling, and of the threshold of u*, as far as each is known; NaN if none is.
        [gC m-2]
    missing : int
        Records without a value.
    """

    end: pl.Series
    value: FloatArray
    joint: FloatArray
    missing: int


def cumulate(season: Season) -> CumulativeSum | None:
    """Sum filled NEE day by day; None without it.

    At the end of a season without missing records value and uncertainty are those of ``sum_season``. Before, errors of
    filled values go together as they do in the whole.
    """
    if "NEE_F" not in season.results:
        return None
    days = find_periods(season.starts, "DD", season.per_day)
    filled = season.results["NEE_F"]
    absent = np.isnan(filled)
    each = SUMS["NEE_F"][1] * season.minutes * 60
    variances = [variance for variance in (*_variances(season), _variance_of_ustar(season)) if variance is not None]
    last = days.first + days.count - 1
    value = np.where(np.add.reduceat(absent, days.first) > 0, np.nan, np.nancumsum(filled)[last])
    variance = np.sum(variances, axis=0) if variances else np.zeros(last.size)
    joint = np.sqrt(np.where(variance > 0, variance, np.nan))  # where nothing is known, nothing is certain
    end = season.starts.gather(last) + timedelta(minutes=season.minutes)
    return CumulativeSum(end, value * each, joint * each, int(absent.sum()))


def describe_cumulative(cumulative: CumulativeSum, utc_offset: float) -> dict[str, object]:
    """Return the sum as it is kept with a run: ends in UTC, three decimals, at most some 800 days.

    Parameters
    ----------
    cumulative : CumulativeSum
    utc_offset : float
        Local standard time minus UTC. [h]
    """
    n = cumulative.value.size
    kept = np.arange(n - 1, -1, -max(1, -(-n // MAX_DAYS)))[::-1]
    ends = cumulative.end.gather(kept) - timedelta(hours=utc_offset)
    return {
        "unit": SUMS["NEE_F"][0],
        "missing": cumulative.missing,
        "end": [end.replace(tzinfo=UTC) for end in ends],
        "NEE_F": cumulative.value[kept].round(DECIMALS).tolist(),
        "NEE_F_JOINTUNC": cumulative.joint[kept].round(DECIMALS).tolist(),
    }


def _variances(season: Season) -> list[FloatArray]:
    """Return the variance of the sum to the end of each day: of measured records, and of filled ones."""
    parts = season.parts.get("NEE")
    if parts is None:
        return []
    days = find_periods(season.starts, "DD", season.per_day)
    measured = np.isfinite(season.measured("NEE"))
    random = np.where(measured, season.results["NEE_RANDUNC"], 0.0)
    filling = np.where(measured, 0.0, season.results["NEE_GAPUNC"])
    known = int(np.isfinite(filling[~measured]).sum())
    together = known / parts.effective if known else 1.0
    last = days.first + days.count - 1
    return [np.nancumsum(random**2)[last], np.nancumsum(filling**2)[last] * together]


def _variance_of_ustar(season: Season) -> FloatArray | None:
    """Return the variance of the sum to the end of each day that the threshold of u* leaves open."""
    days = versions_of(season, "NEE")
    return None if days is None else days.spread_so_far() ** 2
