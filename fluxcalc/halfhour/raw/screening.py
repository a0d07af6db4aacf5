"""Does the raw signal look like turbulence? The tests of Vickers & Mahrt (1997), as diagnostics that change nothing.

A test is 0 passed, 1 flagged softly, 2 flagged hard; NaN: there is nothing to test.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

from core.constants import ZERO_CELSIUS
from core.records import FloatArray
from core.station import Screening, Station
from fluxcalc.halfhour.air import choose_sensors
from fluxcalc.halfhour.choices import choices
from fluxcalc.halfhour.interval import WIND_COMPONENTS, HalfHour, flux_of
from fluxcalc.halfhour.lag.time_lag import lag_window
from fluxcalc.kernels.lag import shift
from fluxcalc.kernels.screening import (
    bin_windows,
    count_faster,
    count_outside,
    largest_steps,
    steep_share,
)
from fluxcalc.kernels.statistics import covariance
from fluxcalc.kernels.trend import shape, trend_line

TESTED_SERIES = ("u", "v", "w", "ts")  # and the gases
WINDOW_SAMPLES = 1000  # of the tests of resolution and drop-outs [samples]


def screen_series(half: HalfHour, station: Station) -> HalfHour:
    """Test the series by the station's method, after despiking and before anything is cut off."""
    return SCREENING[flux_of(station).methods.screening](half, station)


def screen_nothing(half: HalfHour, _: Station) -> HalfHour:
    """Make no test."""
    return half


def screen_vickers_mahrt(half: HalfHour, station: Station) -> HalfHour:
    """Make the tests of one series and of the wind.

    Publishes ``vm97_<test>_<series>`` for spikes, amplitude_resolution, dropouts, absolute_limits, skewness_kurtosis
    and discontinuities, ``vm97_attack_angle`` and ``vm97_steadiness``, with the figures that they come from.

    References
    ----------
    Vickers & Mahrt (1997), doi:10.1175/1520-0426(1997)014<0512:QCAFSP>2.0.CO;2
    """
    options = flux_of(station).options.screening
    series = {name: half.series[name] for name in (*TESTED_SERIES, *half.gases) if half.has(name)}
    lines = {name: TrendLine(*trend_line(x)) for name, x in series.items()}
    volume = molar_volume(half, station, lines["ts"].mean if "ts" in lines else math.nan)
    results: dict[str, float] = {}
    for name, x in series.items():
        scale = volume if half.kinds.get(name) == "density" else 1.0
        results |= {
            f"{test}_{name}": value for test, value in judge_series(half, name, x, lines[name], scale, options).items()
        }
    if half.has(*WIND_COMPONENTS):
        results |= judge_wind(half, lines["u"], lines["v"], options)
    return half.with_diagnostics(**results)


class TrendLine(NamedTuple):
    """The straight line of a series: valid samples, mean, slope per sample, and the place where it has the mean."""

    valid: int
    mean: float
    slope: float
    middle: float


def molar_volume(half: HalfHour, station: Station, temperature: float) -> float:
    """Return the volume of a mole of air at a temperature [K] and the mean pressure. [m3 mol-1]"""
    pressure = {name: half.series[name] for name in ("pa",) if half.has(name)}
    warm = replace(half.meteorology, air_temperature=temperature)
    return choose_sensors(replace(half, series=pressure, meteorology=warm), station).molar_volume


def judge_series(
    half: HalfHour, name: str, x: FloatArray, trend: TrendLine, scale: float, options: Screening
) -> dict[str, float]:
    """Make the tests that look at one series.

    Parameters
    ----------
    half : HalfHour
        Despiked.
    name : str
        Wind, temperature or a gas.
    x : ndarray, shape (n,), float64
        The series.
    trend : TrendLine
        Its straight line.
    scale : float
        What brings the series to the unit of its limits: a gas to its mole fraction.
    options : Screening
        Limits.

    Returns
    -------
    dict
        Tests and the figures behind them, by name.
    """
    results: dict[str, float] = {}
    if name in half.spikes:
        results["vm97_spikes"] = _hard(100.0 * half.spikes[name] / half.n > options.spikes)

    tail = options.dropout_tail / 100.0
    empty, central, extreme = bin_windows(x, WINDOW_SAMPLES, options.resolution_bins, options.resolution_range, tail)
    results["vm97_amplitude_resolution"] = _hard(100.0 * empty > options.resolution_empty)
    stuck = 100.0 * central > options.dropout_central or 100.0 * extreme > options.dropout_extreme
    results["vm97_dropouts"] = _hard(stuck)

    if name in ("u", "v") and half.has("u", "v"):
        outside = count_faster(half.series["u"], half.series["v"], options.limit_wind)
    else:
        low, high = absolute_limits(name, options)
        outside = count_outside(x, low / scale, high / scale)
    results["vm97_absolute_limits"] = _hard(outside > 0)

    skewness, kurtosis = shape(x, *trend[1:])
    results |= {"skewness": skewness, "kurtosis": kurtosis}
    results["vm97_skewness_kurtosis"] = judge_shape(skewness, kurtosis, options)

    stride = max(1, round(options.step_window / 100.0 / half.dt))
    reach = round(options.step_window / (2 * stride * half.dt))
    change, variance_change, variance = largest_steps(x, stride, reach)
    hard, soft = step_limits(name, options)
    relative = variance_change / variance if variance > 0 else 0.0
    hard_variance, soft_variance = options.step_variance
    results["vm97_discontinuities"] = (
        2.0
        if scale * change > hard or relative > hard_variance
        else 1.0
        if scale * change > soft or relative > soft_variance
        else 0.0
    )
    return results


def absolute_limits(name: str, options: Screening) -> tuple[float, float]:
    """Return the absolute limits of a series; of u and v those of the horizontal wind: [m s-1], [K], [mol mol-1]."""
    match name:
        case "u" | "v":
            return -options.limit_wind, options.limit_wind
        case "w":
            return -options.limit_w, options.limit_w
        case "ts":
            low, high = options.limits_ts
            return low + ZERO_CELSIUS, high + ZERO_CELSIUS
        case "co2":
            low, high = options.limits_co2
            return 1e-6 * low, 1e-6 * high
        case "h2o":
            low, high = options.limits_h2o
            return 1e-3 * low, 1e-3 * high
        case _:
            low, high = options.trace_limits(name.upper())
            return 1e-9 * low, 1e-9 * high


def step_limits(name: str, options: Screening) -> tuple[float, float]:
    """Return how much the mean of a series may change, hard and soft: [m s-1], [K], mole fractions [1]."""
    known = {
        "u": (options.step_u, 1.0),
        "v": (options.step_u, 1.0),
        "w": (options.step_w, 1.0),
        "ts": (options.step_ts, 1.0),
        "co2": (options.step_co2, 1e-6),
        "h2o": (options.step_h2o, 1e-3),
    }
    (hard, soft), unit = known.get(name) or (options.trace_steps(name.upper()), 1e-9)
    return unit * hard, unit * soft


def judge_shape(skewness: float, kurtosis: float, options: Screening) -> float:
    """Flag a distribution by its skewness and kurtosis (3 is normal); NaN stays NaN."""
    if math.isnan(skewness):
        return math.nan
    for flag, largest, (low, high) in (
        (2.0, options.skewness_hard, options.kurtosis_hard),
        (1.0, options.skewness_soft, options.kurtosis_soft),
    ):
        if abs(skewness) > largest or not low <= kurtosis <= high:
            return flag
    return 0.0


def judge_wind(half: HalfHour, along: TrendLine, across: TrendLine, options: Screening) -> dict[str, float]:
    """Make the tests that look at the wind in the sonic's axes: angle of attack and steadiness.

    Steadiness holds the change along the straight lines of u and v, as a vector, against the mean wind; it is never
    less than the change along or across the wind alone.
    """
    u, v, w = (half.series[name] for name in WIND_COMPONENTS)
    low, high = (math.tan(math.radians(angle)) for angle in options.attack_angles)
    steep = 100.0 * steep_share(u, v, w, low, high)
    speed = math.hypot(along.mean, across.mean)
    change = half.n * math.hypot(along.slope, across.slope) / speed if speed > 0 else math.nan
    return {
        "steep_wind_percent": steep,
        "vm97_attack_angle": math.nan if math.isnan(steep) else _hard(steep > options.attack_share),
        "relative_wind_trend": change,
        "vm97_steadiness": math.nan if math.isnan(change) else _hard(change > options.steadiness),
    }


def screen_lags(half: HalfHour, station: Station) -> HalfHour:
    """Publish ``vm97_time_lag_<gas>``: how much the lag that was found changes the covariance with vertical wind.

    Compared with the nominal lag, in percent of the covariance there. Where no lag is searched there is no test.
    """
    flux = flux_of(station)
    if flux.methods.screening == "none":
        return half
    hard, soft = flux.options.screening.lag_gain
    results: dict[str, float] = {}
    for gas in half.gases:
        lag = half.lags.get(gas)
        if not half.has("w", gas) or lag is None or lag.search is None:
            continue
        back = round(lag_window(gas, station).nominal / half.dt) - round(lag.seconds / half.dt)
        found = abs(covariance(half.series["w"], half.series[gas]))
        expected = abs(covariance(half.series["w"], shift(half.series[gas], back)))
        gain = 100.0 * (found - expected) / expected if expected > 0 else math.nan
        results[f"lag_{gas}_gain_percent"] = gain
        results[f"vm97_time_lag_{gas}"] = math.nan if math.isnan(gain) else 2.0 if gain > hard else float(gain > soft)
    return half.with_diagnostics(**results)


def _hard(failed: bool) -> float:
    return 2.0 if failed else 0.0


SCREENING = choices("screening", {"vickers_mahrt_1997": screen_vickers_mahrt, "none": screen_nothing})
