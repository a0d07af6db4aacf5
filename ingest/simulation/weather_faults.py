"""Faults of weather stations, to be planted into clean readings: what, where, how large is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.records import FloatArray
from ingest.simulation.climates import sine_of_sun
from ingest.simulation.weather import StationWeather

WMO_CHANGE: dict[str, float] = {
    "TA": 5.0, "T_DEW": 6.0, "RH": 15.0, "PA": 2.0, "TS": 1.0, "WS": 20.0, "SW_IN": 1000.0,
}  # fmt: skip
"""Change from one minute to the next that Zahumensky (2004) calls erroneous, in the unit of the simulation."""
WMO_ACCURACY: dict[str, float] = {
    "TA": 0.2, "T_DEW": 0.5, "RH": 3.0, "PA": 0.15, "TS": 0.2, "WS": 0.5, "LW_IN": 10.0, "SWC": 3.0, "CO2": 1.0,
}  # fmt: skip
"""Uncertainty that is achievable in operation (WMO-No. 8, annex 1.A), in the unit of the simulation."""
ZERO_OFFSET = 10.0
"""Zero offset of a good pyranometer (ISO 9060:2018, class A). [W m-2]"""


@dataclass(frozen=True, slots=True)
class Fault:
    """What was planted.

    Attributes
    ----------
    kind : str
        Key of ``FAULTS``.
    channel : str
        Variable that is wrong.
    begin, end : int
        Rows, [begin, end).
    size : float
        As it was asked for.
    """

    kind: str
    channel: str
    begin: int
    end: int
    size: float


Values = dict[str, FloatArray]
Plant = Callable[[StationWeather, Values, np.random.Generator, float], tuple[str, int, int] | None]
FAULTS: dict[str, Plant] = {}
"""Kind -> what plants it; None where this weather has no place for it."""


def plant(
    kind: str, weather: StationWeather, dice: np.random.Generator, size: float
) -> tuple[StationWeather, Fault] | None:
    """Plant a fault into a copy of readings.

    Parameters
    ----------
    kind : str
        Key of ``FAULTS``.
    weather : StationWeather
        Clean readings; they stay as they are.
    dice : Generator
        Chooses channel and time.
    size : float
        How large, in what the kind is measured by: ``docs/science/quality.md`` has a table.

    Returns
    -------
    (StationWeather, Fault) or None
        None where there is no place for it: no wind for a vane to be stuck in, no night.
    """
    values = {name: series.copy() for name, series in weather.values.items()}
    found = FAULTS[kind](weather, values, dice, size)
    if found is None:
        return None
    return StationWeather(weather.site, weather.times_ns, values), Fault(kind, *found, size)


def _fault(plant_one: Plant) -> Plant:
    FAULTS[plant_one.__name__] = plant_one
    return plant_one


def _change(weather: StationWeather, channel: str) -> float:
    """Return the permitted change between neighbours; it grows as the square root of their distance."""
    return WMO_CHANGE[channel] * float(max(weather.step_s / 60, 1.0) ** 0.5)


def _place(weather: StationWeather, dice: np.random.Generator, length: int, margin: int = 400) -> int:
    """Return a first row with room before and behind."""
    margin = min(margin, (weather.times_ns.size - length) // 3)
    return int(dice.integers(margin, weather.times_ns.size - margin - length))


def _rows(weather: StationWeather, hours: float) -> int:
    return max(round(hours * 3600 / weather.step_s), 1)


def _sign(dice: np.random.Generator) -> float:
    return float(dice.choice([-1.0, 1.0]))


@_fault
def spike(weather: StationWeather, values: Values, dice: np.random.Generator, size: float) -> tuple[str, int, int]:
    """Plant one reading that is away, in accuracies."""
    channel = str(dice.choice(["TA", "T_DEW", "RH", "PA", "TS"]))
    at = _place(weather, dice, 1)
    values[channel][at] += _sign(dice) * size * WMO_ACCURACY[channel]
    return channel, at, at + 1


@_fault
def step(weather: StationWeather, values: Values, dice: np.random.Generator, size: float) -> tuple[str, int, int]:
    """Plant a leap that stays for hours, in permitted changes."""
    channel = str(dice.choice(["TA", "T_DEW", "RH", "PA", "TS"]))
    length = int(dice.integers(5, 60))
    at = _place(weather, dice, length)
    values[channel][at : at + length] += _sign(dice) * size * _change(weather, channel)
    return channel, at, at + length


@_fault
def rate(weather: StationWeather, values: Values, dice: np.random.Generator, size: float) -> tuple[str, int, int]:
    """Plant a gap behind which the value is another one, in twice the permitted change per minute of the gap."""
    channel = str(dice.choice(["TA", "T_DEW", "RH", "PA", "TS"]))
    gap = int(dice.integers(3, 9))
    at = _place(weather, dice, 60)
    values[channel][at : at + gap] = np.nan
    minutes = (gap + 1) * weather.step_s / 60
    values[channel][at + gap : at + 60] += _sign(dice) * size * WMO_CHANGE[channel] * minutes
    return channel, at + gap, at + 60


@_fault
def stuck(
    weather: StationWeather, values: Values, dice: np.random.Generator, size: float
) -> tuple[str, int, int] | None:
    """Plant a value that stays, for ``size`` times the time after which it may not (60 or 180 minutes, 18 readings)."""
    channel = str(dice.choice(["TA", "T_DEW", "RH", "PA", "WS", "CO2", "LW_IN"]))
    minutes = max({"PA": 180.0, "LW_IN": 120.0}.get(channel, 60.0), 18 * weather.step_s / 60)
    length = _rows(weather, size * minutes / 60) + 1
    at = _place(weather, dice, length)
    value = values[channel][at]
    if (channel == "RH" and value > 94) or (channel == "WS" and value < 2.1):
        return None
    values[channel][at : at + length] = value
    return channel, at, at + length


@_fault
def vane(
    weather: StationWeather, values: Values, dice: np.random.Generator, size: float
) -> tuple[str, int, int] | None:
    """Plant a vane that is frozen in wind of more than 2.5 m/s, for ``size`` times the time after which it is told."""
    minutes = max(60.0, 18 * weather.step_s / 60)
    length = _rows(weather, size * minutes / 60) + 1
    at = _place(weather, dice, length)
    if values["WS"][at : at + length].min() < 2.5:
        return None
    values["WD"][at : at + length] = np.round(values["WD"][at] + dice.normal(0, 0.5, length), 1) % 360
    return "WD", at, at + length


@_fault
def noise(weather: StationWeather, values: Values, dice: np.random.Generator, size: float) -> tuple[str, int, int]:
    """Plant white noise of two days, its standard deviation in accuracies."""
    channel = str(dice.choice(["TA", "RH", "PA", "TS", "LW_IN", "SWC", "CO2"]))
    length = _rows(weather, 48)
    at = weather.times_ns.size - length - int(dice.integers(1, _rows(weather, 24)))
    values[channel][at : at + length] += dice.normal(0, size * WMO_ACCURACY[channel], length)
    return channel, at, at + length


@_fault
def level(weather: StationWeather, values: Values, dice: np.random.Generator, size: float) -> tuple[str, int, int]:
    """Plant another level to the end, as a new sensor has it, in accuracies."""
    channel = str(dice.choice(["TA", "RH", "PA", "TS", "LW_IN"]))
    at = _place(weather, dice, 1, _rows(weather, 10 * 24))
    values[channel][at:] += _sign(dice) * size * WMO_ACCURACY[channel]
    return channel, at, weather.times_ns.size


@_fault
def drift(weather: StationWeather, values: Values, dice: np.random.Generator, size: float) -> tuple[str, int, int]:
    """Plant a drift over the whole of it: so many accuracies in 60 days."""
    channel = str(dice.choice(["TA", "RH", "PA", "TS", "LW_IN"]))
    days = (weather.times_ns - weather.times_ns[0]) / 86_400e9
    values[channel] += _sign(dice) * size * WMO_ACCURACY[channel] * days / 60
    return channel, 0, weather.times_ns.size


@_fault
def clock_30(weather: StationWeather, values: Values, dice: np.random.Generator, size: float) -> tuple[str, int, int]:
    """Plant stamps that are half an hour late or early from some time on; ``size`` is in half-hours."""
    shift = round(_sign(dice) * size * 1800 / weather.step_s)
    for series in values.values():
        series[:] = np.roll(series, shift)
    return "SW_IN", 0, weather.times_ns.size


@_fault
def clock_60(weather: StationWeather, values: Values, dice: np.random.Generator, size: float) -> tuple[str, int, int]:
    """Plant stamps that are an hour late or early, as summer time is."""
    clock_30(weather, values, dice, 2 * size)
    return "SW_IN", 0, weather.times_ns.size


@_fault
def unit(
    weather: StationWeather, values: Values, dice: np.random.Generator, size: float
) -> tuple[str, int, int] | None:
    """Plant another unit for two days: deg F or K, kPa, a fraction; ``size`` means nothing."""
    kinds = {"TA": ((1.8, 32.0), (1.0, 273.15)), "PA": ((0.1, 0.0),), "RH": ((0.01, 0.0),)}
    channel = str(dice.choice(list(kinds)))
    factor, offset = kinds[channel][int(dice.integers(len(kinds[channel])))]
    length = _rows(weather, 48)
    at = _place(weather, dice, length, _rows(weather, 4 * 24))
    values[channel][at : at + length] = values[channel][at : at + length] * factor + offset
    return channel, at, at + length


@_fault
def night_offset(
    weather: StationWeather, values: Values, dice: np.random.Generator, size: float
) -> tuple[str, int, int] | None:
    """Plant an offset of radiation, in zero offsets of a good pyranometer."""
    sine, _ = sine_of_sun(weather.times_ns, weather.site.latitude, weather.site.longitude)
    length = _rows(weather, 24)
    at = _place(weather, dice, length)
    if (sine[at : at + length] < -0.15).sum() < _rows(weather, 3):
        return None
    channel, watts = [("SW_IN", 1.0), ("PPFD_IN", 2.05)][int(dice.integers(2))]
    values[channel][at : at + length] += _sign(dice) * size * ZERO_OFFSET * watts
    return channel, at, at + length


@_fault
def gust(
    weather: StationWeather, values: Values, dice: np.random.Generator, size: float
) -> tuple[str, int, int] | None:
    """Plant gusts below the mean wind, in accuracies."""
    length = _rows(weather, 2)
    at = _place(weather, dice, length)
    below = size * WMO_ACCURACY["WS"]
    if values["WS"][at : at + length].min() < below:
        return None
    values["WS_MAX"][at : at + length] = values["WS"][at : at + length] - below
    return "WS_MAX", at, at + length


@_fault
def dew(weather: StationWeather, values: Values, dice: np.random.Generator, size: float) -> tuple[str, int, int]:
    """Plant a dew point above the air temperature, in accuracies of the dew point."""
    length = _rows(weather, 2)
    at = _place(weather, dice, length)
    values["T_DEW"][at : at + length] = values["TA"][at : at + length] + size * WMO_ACCURACY["T_DEW"]
    return "T_DEW", at, at + length


@_fault
def snow(
    weather: StationWeather, values: Values, dice: np.random.Generator, size: float
) -> tuple[str, int, int] | None:
    """Plant snow on the upper radiometer while the sun is up: ``size`` is the share of the light that it keeps away."""
    sine, _ = sine_of_sun(weather.times_ns, weather.site.latitude, weather.site.longitude)
    length = _rows(weather, 3)
    at = _place(weather, dice, length)
    if sine[at : at + length].min() < 0.25 or values["SW_IN"][at : at + length].mean() < 150:
        return None
    values["SW_IN"][at : at + length] *= 1 - size
    return "SW_IN", at, at + length


@_fault
def rain_on_path(
    weather: StationWeather, values: Values, dice: np.random.Generator, size: float
) -> tuple[str, int, int]:
    """Plant drops on an open path: the signal falls by ``size`` percent, CO2 is wrong by up to as many umol mol-1."""
    length = max(int(dice.integers(10, 60)) * 60 // weather.step_s, 1)
    at = _place(weather, dice, length)
    values["SIGNAL_IRGA"][at : at + length] -= size * (1 + 0.1 * dice.random(length))
    values["CO2"][at : at + length] += dice.normal(0, size / 2, length)
    return "CO2", at, at + length


@_fault
def broken(weather: StationWeather, values: Values, dice: np.random.Generator, size: float) -> tuple[str, int, int]:
    """Plant what an open or a short circuit gives, ``size`` times what the range of the variable spans."""
    ranges = {"TA": (-80.0, 60.0), "RH": (0.0, 105.0), "PA": (500.0, 1100.0), "SW_IN": (-15.0, 1600.0)}
    channel = str(dice.choice(list(ranges)))
    low, high = ranges[channel]
    length = int(dice.integers(1, 30))
    at = _place(weather, dice, length)
    far = (size - 1) * (high - low) / 2
    values[channel][at : at + length] = low - far if dice.random() < 0.5 else high + far
    return channel, at, at + length


@_fault
def buddy(weather: StationWeather, values: Values, dice: np.random.Generator, size: float) -> tuple[str, int, int]:
    """Plant a temperature that is away for six hours, as of a shield whose fan stands still, in accuracies."""
    length = _rows(weather, 6)
    at = _place(weather, dice, length)
    at -= int(weather.times_ns[at] % (3600 * 10**9)) // (weather.step_s * 10**9)
    values["TA"][at : at + length] += _sign(dice) * size * WMO_ACCURACY["TA"]
    return "TA", at, at + length
