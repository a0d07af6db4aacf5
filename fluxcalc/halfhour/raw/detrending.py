"""What is taken for the mean state, so that the rest is turbulence; and what the rest keeps of slow eddies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from core.records import FloatArray
from core.station import Station
from fluxcalc.halfhour.choices import choices
from fluxcalc.halfhour.interval import HalfHour, flux_of
from fluxcalc.halfhour.spectral.transfer import pass_block_average, pass_line_removed, pass_mean_removed
from fluxcalc.kernels.detrend import fading_mean, line, running_mean
from fluxcalc.kernels.statistics import moments

DETRENDED_SERIES = ("u", "v", "w", "ts")  # and the gases
DEFAULT_TIME_CONSTANT = 250.0
"""Time constant of running means where the station gives none. [s]"""

HighPassResponse = Callable[[FloatArray, HalfHour, Station], FloatArray]


def detrend(half: HalfHour, station: Station) -> HalfHour:
    """Remove the slow part of each series by the station's method; every series keeps its mean.

    Lags are sought and stationarity is tested before this step, on the whole signal.
    """
    return DETRENDING[flux_of(station).methods.detrend](half, station)


def pass_detrending(frequency: FloatArray, half: HalfHour, station: Station) -> FloatArray:
    """Return what the station's method leaves of the fluctuations of one series.

    Parameters
    ----------
    frequency : ndarray, shape (n,)
        [Hz]
    half : HalfHour
        Length of the interval and time between samples.
    station : Station
        Names the method and its time constant.

    Returns
    -------
    ndarray, shape (n,)
        0 to 1.
    """
    return HIGH_PASS[flux_of(station).methods.detrend](frequency, half, station)


def block_average(half: HalfHour, _: Station) -> HalfHour:
    """Leave the series as they are: covariances take the mean of the whole interval away."""
    return half


def remove_line(half: HalfHour, station: Station) -> HalfHour:
    """Remove a straight line of least squares from the interval, or from equal parts of about ``detrend_seconds``.

    References
    ----------
    Rannik & Vesala (1999), doi:10.1023/A:1001840416858
    """
    parts = line_parts(half, station)
    return _without_slow_part(half, lambda values: line(values, parts))


def remove_running_mean(half: HalfHour, station: Station) -> HalfHour:
    """Remove the mean of the latest ``detrend_seconds``; at the interval's beginning the mean of what there is.

    References
    ----------
    Moncrieff et al. (2004), doi:10.1007/1-4020-2265-4_2
    """
    window = _window_samples(half, station)
    return _without_slow_part(half, lambda values: running_mean(values, window))


def remove_fading_mean(half: HalfHour, station: Station) -> HalfHour:
    """Remove a mean that forgets exponentially, with the time constant ``detrend_seconds``.

    The plain mean of what there is stands in until one time constant has gone by.

    References
    ----------
    McMillen (1988), doi:10.1007/BF00128405; Rannik & Vesala (1999), doi:10.1023/A:1001840416858
    """
    window = _window_samples(half, station)
    return _without_slow_part(half, lambda values: fading_mean(values, window))


def line_parts(half: HalfHour, station: Station) -> int:
    """Return into how many parts an interval is cut for lines: 1 unless ``detrend_seconds`` is shorter than it."""
    wanted = flux_of(station).options.detrend_seconds
    # a line needs three samples to leave anything
    return 1 if wanted is None else max(1, min(round(_length(half) / wanted), half.n // 3))


def _length(half: HalfHour) -> float:
    return (half.end - half.start).total_seconds()


def _time_constant(station: Station) -> float:
    wanted = flux_of(station).options.detrend_seconds
    return DEFAULT_TIME_CONSTANT if wanted is None else wanted


def _window_samples(half: HalfHour, station: Station) -> int:
    return max(1, round(_time_constant(station) / half.dt))


def _without_slow_part(half: HalfHour, slow: Callable[[FloatArray], FloatArray]) -> HalfHour:
    left = {}
    for name in (*DETRENDED_SERIES, *half.gases):
        if half.has(name):
            fluctuations = half.series[name] - slow(half.series[name])
            left[name] = fluctuations + (moments(half.series[name])[1] - moments(fluctuations)[1])
    return replace(half, series={**half.series, **left})


def _pass_block(frequency: FloatArray, half: HalfHour, _: Station) -> FloatArray:
    return pass_block_average(frequency, _length(half))


def _pass_line(frequency: FloatArray, half: HalfHour, station: Station) -> FloatArray:
    return pass_line_removed(frequency, _length(half) / line_parts(half, station))


def _pass_mean(frequency: FloatArray, half: HalfHour, station: Station) -> FloatArray:
    return pass_mean_removed(frequency, _time_constant(station), half.dt)


DETRENDING = choices(
    "detrend",
    {
        "block": block_average,
        "linear": remove_line,
        "running_mean": remove_running_mean,
        "exponential": remove_fading_mean,
    },
)

HIGH_PASS: Mapping[str, HighPassResponse] = {
    "block": _pass_block,
    "linear": _pass_line,
    "running_mean": _pass_mean,
    "exponential": _pass_mean,
}
"""What each method of detrending leaves, by frequency."""
