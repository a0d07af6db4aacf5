"""Random error of the fluxes: how much a half-hour's covariance would vary if the same weather were sampled again."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from core.constants import M_H2O
from core.records import FloatArray
from core.station import Options, Station
from fluxcalc.halfhour.choices import choices
from fluxcalc.halfhour.interval import HalfHour, flux_of
from fluxcalc.halfhour.raw.channels import came
from fluxcalc.halfhour.state import RandomError, flux_name
from fluxcalc.kernels.correlation import cross_covariances

MAX_CORRELATION_LAG = 10.0
"""Lag up to which correlation is looked for, unless the station says otherwise. [s]"""

FLUX_SERIES: Mapping[str, str] = {"tau": "u", "h": "ts", flux_name("h2o"): "h2o", flux_name("co2"): "co2"}
"""Flux -> the series whose covariance with w it comes from; other gases have ``fch4``..."""


class CorrelatedPair(NamedTuple):
    """Vertical wind and what it carries, at lags of both signs.

    Attributes
    ----------
    w_w, x_x, w_x : ndarray, shape (2 reach + 1,)
        Covariances from lag -reach to reach; for ``w_x`` at a positive lag x comes later.
    scale : float
        Integral time scale; NaN if there is none. [samples]
    n : int
        Records that the interval has.
    """

    w_w: FloatArray
    x_x: FloatArray
    w_x: FloatArray
    scale: float
    n: int


def estimate_random_error(half: HalfHour, station: Station) -> HalfHour:
    """Work out the random errors ``random_error_tau|h|le|fc``, ``random_error_fch4``... by the station's method.

    They are standard deviations, in SI, of the fluxes before spectral and density corrections.
    """
    return RANDOM_ERRORS[flux_of(station).methods.random_error](half, station)


def leave_unknown(half: HalfHour, _: Station) -> HalfHour:
    """Leave the random error unknown."""
    return half


def finkelstein_sims(half: HalfHour, station: Station) -> HalfHour:
    """Random error out of the auto- and cross-covariances up to the integral time scale.

    References
    ----------
    Finkelstein & Sims (2001), eqs 8-10, doi:10.1029/2000JD900731
    """
    return _estimate(half, flux_of(station).options, finkelstein_sims_deviation)


def mann_lenschow(half: HalfHour, station: Station) -> HalfHour:
    """Random error out of the correlation coefficient and the integral time scale.

    References
    ----------
    Mann & Lenschow (1994), doi:10.1029/94JD00370
    """
    return _estimate(half, flux_of(station).options, mann_lenschow_deviation)


def finkelstein_sims_deviation(pair: CorrelatedPair) -> float:
    """Return the standard deviation of a covariance, sqrt(sum(w_w x_x + w_x x_w) / n), NaN without a time scale."""
    if math.isnan(pair.scale):
        return math.nan
    middle = len(pair.w_x) // 2
    m = min(middle, max(0, round(pair.scale)))
    lags = slice(middle - m, middle + m + 1)
    w_x = pair.w_x[lags]
    total = float(np.sum(pair.w_w[lags] * pair.x_x[lags] + w_x * w_x[::-1]))
    return math.sqrt(total / pair.n) if total >= 0 else math.nan


def mann_lenschow_deviation(pair: CorrelatedPair) -> float:
    """Return the standard deviation of a covariance, |w_x| sqrt(2 scale/n (1/r^2 + 1)), NaN without a time scale."""
    middle = len(pair.w_x) // 2
    variances, covariance = float(pair.w_w[middle] * pair.x_x[middle]), float(pair.w_x[middle])
    return math.sqrt(2.0 * pair.scale / pair.n * (variances + covariance**2)) if pair.scale >= 0 else math.nan


def integral_scale(correlation: FloatArray, end: str) -> float:
    """Return the integral time scale of a correlation function.

    Parameters
    ----------
    correlation : ndarray, shape (lags,)
        Covariance at the lags 0, 1, 2...; its sign and unit do not matter.
    end : str
        Where the sum stops: before the first value below 1/e (``"inverse_e"``) or below 0 (``"zero"``) times the one
        at lag 0, or with the last lag (``"integral"``, and if that value never comes).

    Returns
    -------
    float
        NaN if the covariance at lag 0 is zero or unknown. [samples]
    """
    if correlation[0] == 0 or math.isnan(correlation[0]):
        return math.nan
    relative = correlation / correlation[0]
    if end != "integral":
        below = np.flatnonzero(relative < (1.0 / math.e if end == "inverse_e" else 0.0))
        relative = relative[: below[0]] if below.size else relative
    return float(np.sum(relative))


def flux_series(half: HalfHour) -> dict[str, str]:
    """Return ``FLUX_SERIES`` with the half-hour's further gases."""
    return {**FLUX_SERIES, **{flux_name(gas): gas for gas in half.gases if gas not in FLUX_SERIES.values()}}


def _estimate(half: HalfHour, options: Options, deviation: Callable[[CorrelatedPair], float]) -> HalfHour:
    air = half.air
    if air is None or not half.has("w"):
        return half
    scalars = flux_series(half)
    per_mole = {gas: 1.0 / air.dry_molar_volume if half.kinds.get(gas) == "ratio" else 1.0 for gas in half.gases}
    units = {flux: per_mole[name] for flux, name in scalars.items() if name in per_mole}
    units |= {"tau": air.density, "h": air.heat_capacity, "le": per_mole["h2o"] * M_H2O * air.vaporisation}
    errors = {
        flux: RandomError(deviation(pair) * units[flux], pair.scale * half.dt)
        for flux, pair in _correlate(half, options).items()
    }
    published: dict[str, float] = {}
    for flux, error in errors.items():
        published |= error.published(flux)
    return replace(half, random_errors=errors, diagnostics=half.diagnostics_with(**published))


def _correlate(half: HalfHour, options: Options) -> dict[str, CorrelatedPair]:
    """Correlate w with each series there is; a time scale beyond the reach is looked at in full."""
    names = {flux: name for flux, name in flux_series(half).items() if half.has(name)}
    w = half.series["w"]
    scalars = [half.series[name] for name in names.values()]
    n, present = len(w), count_records(half)
    seconds = MAX_CORRELATION_LAG if options.random_error_reach is None else options.random_error_reach
    reach = min(round(seconds / half.dt), n - 1)
    found = {}
    for flux, scalar, covariances in zip(names, scalars, _all_pairs([w, *scalars], reach), strict=True):
        scale = integral_scale(covariances[2][reach:], options.random_error_scale)
        if scale > reach:
            farther = min(math.ceil(scale), n // 2)
            covariances = _all_pairs([w, scalar], max(reach, farther))[0]
        found[flux] = CorrelatedPair(*covariances, scale, present)
    return found


def count_records(half: HalfHour) -> int:
    """Return how many records the interval has: those of which any channel came.

    A record that was lost makes the errors larger. A value that is missing alone does not: those around it, within the
    integral time scale, say nearly the same.
    """
    return int(np.count_nonzero(came(half)))


def _all_pairs(series: Sequence[FloatArray], reach: int) -> list[tuple[FloatArray, FloatArray, FloatArray]]:
    """Return (w with w, x with x, w with x) for each series x behind the first, which is w."""
    rows = range(1, len(series))
    pairs = [(0, 0), *((row, row) for row in rows), *((0, row) for row in rows)]
    found = cross_covariances(series, pairs, reach)
    return [(found[0], found[row], found[row + len(rows)]) for row in rows]


RANDOM_ERRORS = choices(
    "random_error",
    {
        "none": leave_unknown,
        "finkelstein_sims_2001": finkelstein_sims,
        "mann_lenschow_1994": mann_lenschow,
    },
)
