"""Slow readings as the weather that half-hours and seasons need, in FLUXNET variables and units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta

import numpy as np
import polars as pl

from core.constants import ZERO_CELSIUS
from core.station import Channel, Stream
from core.variables import convert, variable
from fluxcalc.halfhour.interval import Meteorology
from fluxcalc.thermodynamics import saturation_pressure
from qc.codes import REFUSED_FLAGS

AVERAGED_VARIABLES = (
    *("TA", "RH", "PA", "SW_IN", "VPD", "NETRAD", "G", "TS", "PPFD_IN", "SWC", "SW_OUT", "LW_IN", "LW_OUT"),
)
SUMMED_VARIABLES = ("P",)
WEATHER_VARIABLES = (*AVERAGED_VARIABLES, *SUMMED_VARIABLES)


def weather(readings: pl.DataFrame, stream: Stream) -> pl.DataFrame:
    """Bring readings into FLUXNET variables and units.

    Parameters
    ----------
    readings : pl.DataFrame
        ``time`` (UTC), one column per channel in the sender's units, ``flags``.
    stream : Stream
        Says what each channel measures.

    Returns
    -------
    pl.DataFrame
        ``start`` and the columns of ``WEATHER_VARIABLES``: TA [deg C], RH [%], PA [kPa], VPD [hPa], radiation and heat
        into the ground [W m-2], TS [deg C], PPFD_IN [umol m-2 s-1], SWC [%], P [mm]; each from the stream's first
        channel that measures it. Null where nothing was measured or the value was flagged as suspect. VPD comes from TA
        and RH where no channel gives it.
    """
    columns = []
    for name in WEATHER_VARIABLES:
        channel = stream.channel_of(name)
        values = (
            pl.lit(None, pl.Float64)
            if channel is None
            else _in_fluxnet_unit(channel, stream.channel_index[channel.name])
        )
        columns.append(values.alias(name))
    frame = readings.select(pl.col("time").alias("start"), *columns)
    return frame.with_columns(pl.coalesce("VPD", _vapour_pressure_deficit(frame)))


def average_weather(frame: pl.DataFrame, minutes: int) -> pl.DataFrame:
    """Average the weather of each interval, on the grid of UTC; rain is summed. Null where there is none."""
    measured = pl.col(WEATHER_VARIABLES).cast(pl.Float64).fill_nan(None)
    return (
        frame.select(pl.col("start").dt.truncate(timedelta(minutes=minutes)), measured)
        .group_by("start")
        .agg(average_of(name) for name in WEATHER_VARIABLES)
    )


def average_of(name: str) -> pl.Expr:
    """Return what an interval has of a variable: the mean of its readings, or their sum; null without any."""
    if name in SUMMED_VARIABLES:
        return pl.when(pl.col(name).count() > 0).then(pl.col(name).sum())
    return pl.col(name).mean()


def mean_meteorology(frame: pl.DataFrame) -> Meteorology:
    """Average the weather of one interval as ``average_weather`` does for a season; NaN where there is none."""
    names = [name for name in WEATHER_VARIABLES if name in frame.columns]
    measured = frame.select(pl.col(names).cast(pl.Float64).fill_nan(None))
    return meteorology_of(measured.select(average_of(name) for name in names).row(0, named=True))


def meteorology_of(means: Mapping[str, float | None]) -> Meteorology:
    """Return what a half-hour takes of means by FLUXNET name and in FLUXNET's units; None is missing."""
    published = {name: math.nan if value is None or math.isnan(value) else value for name, value in means.items()}

    def mean(name: str) -> float:
        return published.get(name, math.nan)

    return Meteorology(
        air_temperature=mean("TA") + ZERO_CELSIUS,
        pressure=mean("PA") * 1e3,
        relative_humidity=mean("RH") / 100.0,
        published=published,
    )


def trusted_readings(channel: Channel, index: int) -> pl.Expr:
    """Return the readings of a channel, by its place among the flags, without the missing and the suspect ones."""
    suspect = pl.col("flags").list.get(index, null_on_oob=True).is_in(REFUSED_FLAGS).fill_null(value=False)
    return pl.when(~suspect).then(pl.col(channel.name).fill_nan(None))


def _in_fluxnet_unit(channel: Channel, index: int) -> pl.Expr:
    unit = variable(channel.variable).unit
    offset = convert(0.0, channel.variable, channel.unit, unit)
    factor = convert(1.0, channel.variable, channel.unit, unit) - offset
    return trusted_readings(channel, index) * factor + offset


def _vapour_pressure_deficit(frame: pl.DataFrame) -> pl.Series:
    """Saturation deficit from TA and RH. [hPa]"""
    saturation = saturation_pressure(frame["TA"].to_numpy() + ZERO_CELSIUS)
    humidity = np.clip(frame["RH"].to_numpy() / 100.0, 0.0, 1.0)
    return pl.Series("VPD", saturation * (1.0 - humidity) / 100.0).fill_nan(None)
