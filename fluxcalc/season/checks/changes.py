"""What changes its sign or unit within a season, as by another program of the logger, told by like heights of the sun.

The days before and after a moment are compared class by class of the sun's height, which neither clouds nor the
variable itself can alter. The ratio that brings the means of the one side to those of the other is near 1 in nature, or
changes with the season and the harvest; but a flux that becomes its own mirror image at all heights of the sun, by day
and by night, or a deficit that becomes a tenth and follows the temperature no longer, has another sign or unit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.constants import ZERO_CELSIUS
from core.records import FloatArray
from fluxcalc.season.filtering import DEFICIT_OF_HUMIDITY
from fluxcalc.season.record import Season
from fluxcalc.thermodynamics import saturation_pressure

SUN_EDGES = (0.0, 75.0, 200.0, 400.0, 700.0)
"""Of the classes of potential radiation; the first class is the night. [W m-2]"""
SIDES = (7, 15, 30)
"""Days before and after a moment that are compared."""
MIN_CLASS_RECORDS, MIN_CLASS_DAYS = 10, 4
"""That a class needs on both sides."""
MIRRORED = (-1.6, -0.6)
"""Ratio of a flux to its own before that only a turned sign makes."""
RATIO_ERRORS, MIN_ERRORS = 3.0, 4.0
"""Standard errors by which a ratio, and a night, must differ from 0 for its sign to be clear."""
MAX_ERROR = 0.25
"""Standard error of ratios, for the most part, above which a turned sign may go unseen."""
NIGHT_ERRORS = 3.0
"""Standard errors by which a night may differ from the mirror image of those before, where it is hardly above 0."""
TENTHS = (0.04, 0.18)
"""Ratio of VPD over that of saturation that a change from hPa to kPa makes."""
FOLLOWING, MIN_SHARE = 0.2, 0.1
"""Upper quartile, of days with a range of temperature, of the slope of VPD on the pressure of saturation, and 99th
percentile of the one over the other. The slope is near 1, as vapour changes little within a day; in frost over snow,
where it is small, too, the share is not. [1]"""
MIN_FOLLOWING_DAYS, MIN_DAY_RANGE, MIN_DAY_SHARE = 5, 3.0, 0.7
"""Days that such a quartile needs; range of temperature and share of records of such a day. [-], [K], [-]"""
MANY_FOLLOWING_DAYS = 15
"""Days that are no fog alone, so that the slope tells without a change."""
MAX_LIGHT_RATIO = 20.0
"""How many times more or less light no fortnight has than the one before, at like heights of the sun."""


@dataclass(frozen=True, slots=True)
class Ratios:
    """Ratios of what follows on a moment to what was before, at like heights of the sun.

    Attributes
    ----------
    side : int
        Days before and after.
    days : ndarray of int, shape (k,)
        First day of what follows.
    ratio, error : ndarray, shape (k,), float64
        And its standard error, of the scatter between days.
    before, after : ndarray, shape (k,), float64
        Means by night. [as the variable]
    before_error, after_error : ndarray, shape (k,), float64
        Their standard errors.
    """

    side: int
    days: NDArray[np.int64]
    ratio: FloatArray
    error: FloatArray
    before: FloatArray
    after: FloatArray
    before_error: FloatArray
    after_error: FloatArray


def find_ratios(values: FloatArray, potential: FloatArray, per_day: int, side: int) -> Ratios:
    """Compare the days before with those after each midnight.

    Parameters
    ----------
    values, potential : ndarray, shape (n,), float64
        Variable, and radiation above the atmosphere [W m-2], from midnight on; NaN is missing.
    per_day : int
        Records a day.
    side : int
        Days before and after.

    Returns
    -------
    Ratios
        Of each midnight with so many days on both sides: the slope, through 0, of the class means after on those
        before, each class weighted by the inverse of its error; corrected for the error of the means before. NaN where
        no class has enough records, or all of them are nothing but scatter.
    """
    days = values.size // per_day
    moments = np.arange(side, days - side + 1)
    classes = np.searchsorted(SUN_EDGES, potential[: days * per_day])
    width = len(SUN_EDGES) + 1
    known = np.isfinite(values[: days * per_day])
    place = (np.arange(days * per_day) // per_day * width + classes)[known]
    sums = np.bincount(place, values[: days * per_day][known], days * width).reshape(days, width).astype(np.float64)
    counts = np.bincount(place, minlength=days * width).reshape(days, width).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        a, a_variance = _means(sums, counts, moments - side, side)
        b, b_variance = _means(sums, counts, moments, side)
        used = np.isfinite(a_variance + b_variance) & (a_variance + b_variance > 0)
        weight = np.where(used, 1 / (a_variance + b_variance), 0.0)
        square = np.where(used, weight * (a**2 - a_variance), 0.0).sum(axis=1)
        square[square <= 0] = np.nan
        ratio = np.where(used, weight * a * b, 0.0).sum(axis=1) / square
        spread = weight**2 * a**2 * (b_variance + ratio[:, None] ** 2 * a_variance)
        error = np.sqrt(np.where(used, spread, 0.0).sum(axis=1)) / square
    night = (a[:, 0], b[:, 0], np.sqrt(a_variance[:, 0]), np.sqrt(b_variance[:, 0]))
    return Ratios(side, moments, ratio, error, *night)


def _means(sums: FloatArray, counts: FloatArray, first: NDArray[np.int64], side: int) -> tuple[FloatArray, FloatArray]:
    """Return the mean of each class over ``side`` days from each first one on, and its variance between days."""

    def over(x: FloatArray) -> FloatArray:
        total = np.vstack((np.zeros(x.shape[1]), np.cumsum(x, axis=0)))
        return np.asarray(total[first + side] - total[first], dtype=np.float64)

    number, days = over(counts), over(np.where(counts > 0, 1.0, 0.0))
    mean = over(sums) / number
    squares = over(sums**2) - 2 * mean * over(sums * counts) + mean**2 * over(counts**2)
    variance = np.maximum(squares, 0.0) / number**2 * days / (days - 1)
    few = (number < MIN_CLASS_RECORDS) | (days < MIN_CLASS_DAYS)
    return np.where(few, np.nan, mean), np.where(few, np.nan, variance)


def tell_changes(season: Season, told: set[str]) -> Iterator[str]:
    """Tell what changes its sign or unit, of variables of which nothing was told so far."""
    whole = _from_midnight(season)
    exchange = "FC" if season.has("FC") else "NEE"
    if not {"FC", "NEE"} & told:
        yield from _turned(season, whole, exchange)
    if "SW_IN" not in told:
        yield from _light(season, whole)
    if not {"VPD", "RH", "TA"} & told and not season.has("RH"):
        yield from _deficit(season, whole)


def note_unseen(season: Season) -> Iterator[str]:
    """Note of which variables a wrong sign or unit could not be seen."""
    name = "FC" if season.has("FC") else "NEE"
    if season.has(name):
        whole = _from_midnight(season)
        sun = season.results["SW_IN_POT"][whole]
        errors = [find_ratios(season.measured(name)[whole], sun, season.per_day, side).error for side in SIDES]
        known = [float(np.median(one[np.isfinite(one)])) for one in errors if np.isfinite(one).any()]
        if not known or min(known) > MAX_ERROR:
            yield (
                f"a change of the sign of {name} could not be checked: it is too near 0, or too short, for its scatter"
            )
    both = season.has("VPD") and season.has("RH") and DEFICIT_OF_HUMIDITY not in season.notes
    if season.has("TA") and not both:
        yield "the unit of TA could not be checked: a VPD and RH that were both measured would tell it"


def _from_midnight(season: Season) -> slice:
    """Return the records from the first midnight on."""
    first = season.starts[0]
    minutes = first.hour * 60 + first.minute
    return slice(-(-((1440 - minutes) % 1440) // season.minutes), len(season.starts))


def _when(season: Season, whole: slice, day: int) -> str:
    return f"{season.starts[whole.start + day * season.per_day]:%Y-%m-%d}"


def _clearest(
    season: Season, whole: slice, values: FloatArray, found: Callable[[Ratios], NDArray[np.bool_]]
) -> tuple[int, float, int] | None:
    """Return the day at which a change is clearest, its ratio and the days on either side of it that were compared."""
    best: tuple[float, int, float, int] | None = None
    for side in SIDES:
        ratios = find_ratios(values[whole], season.results["SW_IN_POT"][whole], season.per_day, side)
        for i in np.flatnonzero(found(ratios)):
            one = (abs(ratios.ratio[i] - 1) / ratios.error[i], int(ratios.days[i]), float(ratios.ratio[i]), side)
            best = one if best is None else max(best, one)
    return None if best is None else best[1:]


def _is_mirrored(ratios: Ratios) -> NDArray[np.bool_]:
    low, high = MIRRORED
    with np.errstate(invalid="ignore"):
        whole = (ratios.ratio > low) & (ratios.ratio < high) & (ratios.ratio + RATIO_ERRORS * ratios.error < 0)
        # the night turns, too, or is hardly above 0: neither harvest nor spring turns it
        error = np.hypot(ratios.before_error, ratios.after_error)
        opposite = ratios.before * ratios.after < 0
        alike = np.abs(ratios.before + ratios.after) < NIGHT_ERRORS * error
        clear = np.abs(ratios.before) > MIN_ERRORS * ratios.before_error
        clear &= np.abs(ratios.after) > MIN_ERRORS * ratios.after_error
        night = alike | (opposite & clear) | ~np.isfinite(error)
    both: NDArray[np.bool_] = whole & night
    return both


def _turned(season: Season, whole: slice, name: str) -> Iterator[str]:
    found = _clearest(season, whole, season.measured(name), _is_mirrored)
    if found is not None:
        day, ratio, side = found
        yield (
            f"{name} from about {_when(season, whole, day)} on is {ratio:.2f} times what it was in the {side} days "
            "before, at like heights of the sun and by night: was its sign turned? Multiply one of the two parts by "
            "-1; nothing was turned here"
        )


def _light(season: Season, whole: slice) -> Iterator[str]:
    def leaps(ratios: Ratios) -> NDArray[np.bool_]:
        with np.errstate(invalid="ignore"):
            far = (ratios.ratio > MAX_LIGHT_RATIO) | (ratios.ratio < 1 / MAX_LIGHT_RATIO)
            clear: NDArray[np.bool_] = far & (ratios.ratio > 0)
        return clear

    # what lies outside the limits belongs to it: photons do
    found = _clearest(season, whole, season.variables.get("SW_IN", season.measured("SW_IN")), leaps)
    if found is not None:
        day, ratio, side = found
        yield (
            f"SW_IN from about {_when(season, whole, day)} on is {ratio:.2g} times what it was in the {side} days "
            "before, at like heights of the sun: does its unit change? Give it in W m-2"
        )


def _deficit(season: Season, whole: slice) -> Iterator[str]:
    if not season.has("VPD") or not season.has("TA"):
        return
    warmth = season.measured("TA")
    saturated = saturation_pressure(warmth + ZERO_CELSIUS) / 100
    shares = season.measured("VPD") / saturated
    slopes = _day_slopes(season.measured("VPD")[whole], saturated[whole], warmth[whole], season.per_day)
    if np.isfinite(slopes).sum() >= MANY_FOLLOWING_DAYS and _is_damp(slopes, shares):
        yield (
            f"VPD follows TA within the days by {np.nanpercentile(slopes, 75):.2g} of what saturation does, and is at "
            f"most {np.nanpercentile(shares, 99):.2g} of it: is it in kPa? Then multiply it by 10"
        )
        return

    def is_tenth(ratios: Ratios) -> NDArray[np.bool_]:
        with np.errstate(divide="ignore", invalid="ignore"):
            fall = (ratios.ratio > TENTHS[0]) & (ratios.ratio < TENTHS[1])
            rise = (1 / ratios.ratio > TENTHS[0]) & (1 / ratios.ratio < TENTHS[1])
        for i in np.flatnonzero(fall | rise):
            first = int(ratios.days[i]) - (ratios.side if rise[i] else 0)
            low = shares[whole][first * season.per_day : (first + ratios.side) * season.per_day]
            if not _is_damp(slopes[first : first + ratios.side], low):
                fall[i] = rise[i] = False
        either: NDArray[np.bool_] = fall | rise
        return either

    found = _clearest(season, whole, shares, is_tenth)
    if found is not None:
        day, ratio, side = found
        yield (
            f"VPD from about {_when(season, whole, day)} on is {ratio:.2g} times what it was in the {side} days "
            "before, of that of saturation at TA, at like heights of the sun: is a part of it in kPa? Multiply that "
            "by 10"
        )


def _is_damp(slopes: FloatArray, shares: FloatArray) -> bool:
    """Tell whether a deficit is so small, and so little of the day's course, as only kPa and lasting fog are."""
    slopes, shares = slopes[np.isfinite(slopes)], shares[np.isfinite(shares)]
    if slopes.size < MIN_FOLLOWING_DAYS:
        return False
    return float(np.percentile(slopes, 75)) < FOLLOWING and float(np.percentile(shares, 99)) < MIN_SHARE


def _day_slopes(deficit: FloatArray, saturated: FloatArray, warmth: FloatArray, per_day: int) -> FloatArray:
    """Return of each day the slope of VPD on the pressure of saturation; NaN of days with little range of either."""
    days = deficit.size // per_day
    y, x, t = (part[: days * per_day].reshape(days, per_day) for part in (deficit, saturated, warmth))
    known = np.isfinite(x + y)
    count = known.sum(axis=1)
    enough = count >= MIN_DAY_SHARE * per_day
    enough &= np.where(known, t, -np.inf).max(axis=1) - np.where(known, t, np.inf).min(axis=1) >= MIN_DAY_RANGE
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = np.where(known, x, 0.0).sum(axis=1) / count
        apart = np.where(known, x - middle[:, None], 0.0)
        slope = (apart * np.where(known, y, 0.0)).sum(axis=1) / (apart**2).sum(axis=1)
    return np.where(enough, slope, np.nan)
