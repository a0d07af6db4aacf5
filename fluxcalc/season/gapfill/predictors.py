"""What a flux may depend on, as the columns that a machine learns from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from core.records import FloatArray

AVERAGED_DRIVERS = ("radiation", "temperature", "deficit")
"""Drivers of which running means are taken, too."""
AVERAGE_DAYS = (1 / 12, 1.0, 5.0, 15.0)
"""Over how long, centred. [d]"""
LAGS = (1, 2, 4)
"""Half-hours ago of which the radiation is taken, too."""


def predictors(
    drivers: Mapping[str, FloatArray], middles: pl.Series, potential: FloatArray, *, per_day: int = 48
) -> dict[str, FloatArray]:
    """Return the columns that a flux is learned from: drivers, their running means, the sun, hour, season and time.

    Parameters
    ----------
    drivers : mapping of str to ndarray, shape (n,), float64
        ``radiation`` [W m-2], ``temperature`` [deg C], ``deficit`` [hPa] if there are, and any others (soil
        temperature, water, a satellite's greenness); NaN is missing. A driver never measured is left out.
    middles : pl.Series of datetime, length n
        Middles of the intervals, local standard time.
    potential : ndarray, shape (n,), float64
        Radiation above the atmosphere. [W m-2]
    per_day : int
        Records a day.

    Returns
    -------
    dict of str to ndarray, shape (n,), float64
        NaN where what it is made of is missing.
    """
    n = potential.size
    hour = (middles.dt.hour().cast(pl.Float64) + middles.dt.minute().cast(pl.Float64) / 60).to_numpy() * 2 * np.pi / 24
    season = middles.dt.ordinal_day().cast(pl.Float64).to_numpy() * 2 * np.pi / 365.25
    columns = {
        "potential": potential,
        "hour_sine": np.sin(hour),
        "hour_cosine": np.cos(hour),
        "season_sine": np.sin(season),
        "season_cosine": np.cos(season),
        "day": np.arange(n) / per_day,
    }
    for name, given in drivers.items():
        values = np.where(np.isfinite(given), given, np.nan)
        if np.isnan(values).all():
            continue
        columns[name] = values
        if name in AVERAGED_DRIVERS:
            for days in AVERAGE_DAYS:
                columns[f"{name}_{days:.2g}d"] = _running_mean(values, 2 * round(days * per_day / 2) + 1)
        if name == "radiation":
            half_hour = max(1, per_day // 48)
            columns |= {f"radiation_{lag}_ago": _lagged(values, lag * half_hour) for lag in LAGS}
            columns["radiation_change"] = values - columns["radiation_1_ago"]
    return columns


def _running_mean(values: FloatArray, width: int) -> FloatArray:
    series = pl.Series(values).fill_nan(None).rolling_mean(width, center=True, min_samples=1)
    return series.cast(pl.Float64).fill_null(np.nan).to_numpy()


def _lagged(values: FloatArray, records: int) -> FloatArray:
    return np.concatenate((np.full(min(records, values.size), np.nan), values[:-records]))
