"""A simulated weather station: radiation, temperature, humidity, wind, rain, soil and gas as sensors give them.

Seasons, days, highs and lows, fronts, thunderstorms, fog, broken clouds, rain, snow on the ground, polar night; and
sensors with noise, resolution and small errors as good ones have them. What goes wrong is planted apart
(``ingest.simulation.weather_faults``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from core.clock import NS
from core.records import FloatArray
from core.station import Identity, Stream
from ingest.simulation.climates import CLIMATES, DAY_S, SOLAR_CONSTANT, Climate, dew_point, saturation, sine_of_sun

BOLTZMANN = 5.670374419e-8


UNITS: dict[str, str] = {
    "TA": "deg C", "T_DEW": "deg C", "RH": "%", "VPD": "hPa", "PA": "hPa", "WS": "m s-1", "WS_MAX": "m s-1",
    "WD": "deg", "P": "mm", "SW_IN": "W m-2", "SW_OUT": "W m-2", "PPFD_IN": "umol m-2 s-1", "LW_IN": "W m-2",
    "LW_OUT": "W m-2", "NETRAD": "W m-2", "G": "W m-2", "TS": "deg C", "SWC": "%", "CO2": "umol mol-1",
    "SIGNAL_IRGA": "%",
}  # fmt: skip
"""What such a station measures, and its units."""
RESOLUTIONS: dict[str, tuple[float, ...]] = {
    "TA": (0.01, 0.1), "T_DEW": (0.01, 0.1), "RH": (0.01, 0.1), "VPD": (0.001, 0.01), "PA": (0.01, 0.1),
    "WS": (0.01, 0.1), "WS_MAX": (0.01, 0.1), "WD": (0.1, 1.0), "P": (0.1, 0.2), "SW_IN": (0.01, 0.1, 1.0),
    "SW_OUT": (0.01, 0.1, 1.0), "PPFD_IN": (0.1, 1.0), "LW_IN": (0.01, 0.1), "LW_OUT": (0.01, 0.1),
    "NETRAD": (0.01, 0.1), "G": (0.01,), "TS": (0.01,), "SWC": (0.01, 0.1), "CO2": (0.01, 0.1),
    "SIGNAL_IRGA": (0.1, 1.0),
}  # fmt: skip
"""What sensors round to; one of them by chance."""


@dataclass(frozen=True, slots=True)
class StationWeather:
    """The readings of a station.

    Attributes
    ----------
    site : Identity
        Where.
    times_ns : ndarray, shape (n,), int64
        STARTs. [ns]
    values : mapping of str to ndarray, shape (n,), float64
        By variable, in ``UNITS``.
    """

    site: Identity
    times_ns: NDArray[np.int64]
    values: Mapping[str, FloatArray]

    @property
    def step_s(self) -> int:
        """Time between readings. [s]"""
        return int(self.times_ns[1] - self.times_ns[0]) // NS


def weather_stream(step_s: int) -> Stream:
    """Return the stream that a station file declares for it."""
    channels = [{"name": name.lower(), "variable": name, "unit": unit} for name, unit in UNITS.items()]
    stream = {"name": "met", "kind": "reading", "interval": float(step_s), "channels": channels}
    return Stream.model_validate(stream, strict=False)


def make_weather(climate: str, seed: int, start_ns: int, days: float, step_s: int = 60) -> StationWeather:
    """Make the clean readings of a station.

    Parameters
    ----------
    climate : str
        Key of ``CLIMATES``.
    seed : int
        The same seed gives the same weather.
    start_ns : int
        Begin. [ns]
    days : float
        How long.
    step_s : int
        Time between readings, a whole number of minutes: states are means, rain is the sum, gusts are the maximum. [s]
    """
    facts = CLIMATES[climate]
    minutes = _Minutes(facts, np.random.default_rng([seed, 11]), start_ns, round(days * 1440))
    found = minutes.measure()
    size = step_s // 60
    count = minutes.times.size // size
    values = {name: _gathered(name, series[: count * size].reshape(count, size)) for name, series in found.items()}
    dice = np.random.default_rng([seed, 12])
    for name, series in values.items():
        step = dice.choice(RESOLUTIONS[name])
        series[:] = np.round(np.round(series / step) * step, 6)
    site = Identity.model_validate(
        {
            "id": f"{climate}-{seed}",
            "name": f"Simulated {climate} weather",
            "latitude": facts.latitude,
            "longitude": facts.longitude,
            "altitude": facts.altitude,
            "utc_offset": float(round(facts.longitude / 15)),
            "source": "simulated",
        },
        strict=False,
    )
    return StationWeather(site, minutes.times[: count * size : size].copy(), values)


def _gathered(name: str, minutes: FloatArray) -> FloatArray:
    if name == "P":
        return np.asarray(minutes.sum(axis=1))
    if name == "WS_MAX":
        return np.asarray(minutes.max(axis=1))
    if name == "WD":
        angles = np.radians(minutes)
        return np.asarray(np.degrees(np.arctan2(np.sin(angles).mean(axis=1), np.cos(angles).mean(axis=1))) % 360)
    return np.asarray(minutes.mean(axis=1))


class _Minutes:
    """Minute by minute, what the weather is and what sensors say of it."""

    def __init__(self, climate: Climate, dice: np.random.Generator, start_ns: int, count: int) -> None:
        self.climate, self.dice, self.count = climate, dice, count
        self.times = start_ns + np.arange(count, dtype=np.int64) * 60 * NS
        sine, plane = sine_of_sun(self.times + 30 * NS, climate.latitude, climate.longitude)
        self.sine = sine
        self.potential = plane * np.maximum(sine, 0)
        days = self.times / (DAY_S * NS)
        south = 0.0 if climate.latitude >= 0 else 182.6
        self.season = np.cos(2 * np.pi * (days - 200 - south) / 365.2425)
        self.hours = (days + climate.longitude / 360) % 1 * 24
        self.minute = np.arange(count)
        self._make_sky()
        self._make_events()
        self._make_air()
        self._make_ground()

    def wander(self, minutes: float) -> FloatArray:
        """Return a series of variance 1 that remembers itself for so many minutes."""
        keep = np.exp(-1 / minutes)
        shocks = self.dice.normal(0, np.sqrt(1 - keep**2), self.count)
        shocks[0] = self.dice.normal()
        return np.asarray(lfilter([1.0], [1.0, -keep], shocks), dtype=np.float64)

    def noise(self, size: float | FloatArray) -> FloatArray:
        """Return white noise."""
        return np.asarray(self.dice.normal(0, 1, self.count) * size)

    def _make_sky(self) -> None:
        """Cover by large systems, and broken clouds that pass within minutes."""
        self.system = self.wander(1.5 * 1440)
        bias = 0.8 if self.climate.dryness > 10 else 0.0
        self.cover = 1 / (1 + np.exp(2.5 * (bias - self.system - 0.4 * self.wander(180))))
        shaded = self.wander(8) + 0.3 * self.wander(1.5) < 3.0 * (self.cover - 0.5)
        edges = lfilter([0.5], [1.0, -0.5], shaded.astype(np.float64))
        dark = 0.12 + 0.3 * np.exp(-1.5 * np.maximum(self.system, 0)) + 0.02 * self.wander(20)
        dark = np.clip(dark, 0.06, 0.6)
        gaps = 1 + 0.15 * self.cover * (self.cover < 0.8) * np.abs(self.wander(5)) / 1.5
        self.transmitted = edges * dark + (1 - edges) * np.minimum(gaps, 1.25)

    def _make_events(self) -> None:
        """Fronts and thunderstorms: change of temperature and pressure, wind, its turn, rain."""
        zero = np.zeros(self.count)
        self.event_ta, self.event_pa, self.event_ws, self.event_wd = (zero.copy() for _ in range(4))
        self.rain_rate, self.storm = zero.copy(), zero.copy()
        days = self.count / 1440
        for _ in range(self.dice.poisson(self.climate.fronts * days)):
            at, length = self.dice.uniform(0, self.count), self.dice.uniform(15, 90)
            since = self.minute - at
            after = 1 / (1 + np.exp(np.clip(-since / length * 4, -50, 50)))
            self.event_ta -= self.dice.uniform(1, 8) * after * np.exp(-np.maximum(since, 0) / 2500)
            self.event_pa -= self.dice.uniform(1, 6) * np.exp(-np.abs(since) / 400)
            self.event_ws += self.dice.uniform(2, 9) * np.exp(-((since / 100) ** 2))
            self.event_wd += self.dice.uniform(30, 120) * after
            self.rain_rate += self.dice.uniform(0, 6) * np.exp(-((since / 60) ** 2))
        for _ in range(self.dice.poisson(self.climate.storms * days * max(float(self.season.mean()) + 0.6, 0))):
            at = int(self.dice.integers(0, max(int(days), 1))) * 1440 + self.dice.normal(60 * 16, 90)
            at -= (
                4 * self.climate.longitude + (self.times[0] / (60 * NS)) % 1440
            )  # local solar time to this series' minutes
            since = self.minute - at
            fall = 1 / (1 + np.exp(np.clip(-since / 3, -50, 50))) * np.exp(-np.maximum(since, 0) / 90)
            self.event_ta -= self.dice.uniform(3, 9) * fall
            self.event_pa += self.dice.uniform(0.5, 2) * fall
            self.event_ws += self.dice.uniform(4, 11) * np.exp(-((since / 12) ** 2))
            self.event_wd += self.dice.uniform(-90, 90) * fall
            self.rain_rate += self.dice.uniform(20, 90) * np.exp(-(((since - 12) / 12) ** 2))
            self.storm += np.exp(-(((since - 10) / 25) ** 2))

    def _make_air(self) -> None:
        climate = self.climate
        sine = np.maximum(self.sine, 0)
        clear = 0.84 * np.exp(-0.09 / np.maximum(sine, 0.02)) * (1 + 0.04 * climate.altitude / 2000)
        twilight = 8 * np.exp(np.minimum(np.degrees(np.arcsin(self.sine)), 0) / 1.5)
        self.transmitted = self.transmitted * (1 - 0.8 * np.minimum(self.storm, 1))
        self.sw = self.potential * np.minimum(clear * self.transmitted + 0.04, 1.1) + twilight * (
            0.3 + 0.7 * self.transmitted
        )
        light = self.potential / SOLAR_CONSTANT * (1 - 0.7 * self.cover)
        warmed = np.asarray(lfilter([1 / 150], [1.0, -(1 - 1 / 150)], light))  # the ground lags by hours
        cooled = lfilter([1 / 400], [1.0, -(1 - 1 / 400)], 1 - self.cover)
        daily = climate.daily * (3.2 * warmed - 0.7 * cooled)
        convective = np.clip(self.sw / 600, 0, 1)
        eddies = (0.03 + 0.14 * convective) * self.wander(2.5) + (0.08 + 0.1 * convective) * self.wander(25)
        weather = climate.synoptic * self.wander(2.5 * 1440)
        self.ta = climate.mean + climate.annual * self.season + daily + weather + self.event_ta + eddies
        moist = (
            climate.mean + climate.annual * self.season + weather - climate.dryness * (0.75 + 0.25 * self.wander(2000))
        )
        moist += 0.35 * daily + 0.6 * self.event_ta + 0.2 * self.wander(40) + 0.1 * self.wander(4)
        raining = self.wander(240) > -np.quantile(self.wander(60), min(climate.wet, 0.3))
        self.rain_rate += np.where(raining & (self.cover > 0.6), 1.5 * np.exp(0.8 * self.wander(30)), 0.0)
        wetting = lfilter([1 / 30], [1.0, -(1 - 1 / 30)], np.minimum(self.rain_rate, 1.5) / 1.5)
        moist += wetting * np.maximum(self.ta - moist, 0) * 0.8
        self.dew = np.minimum(np.minimum(moist, self.ta), 29 + 0.3 * self.wander(300))  # what is more is fog and dew
        strength = np.exp(0.45 * self.wander(900) + 0.2 * self.wander(45)) * (0.6 + 0.9 * convective)
        mean_wind = climate.wind * strength + np.maximum(self.event_ws, 0)
        self.unsteady = 0.08 + 0.08 * convective
        self.ws = np.maximum(mean_wind * (1 + self.unsteady * self.wander(1.5)), 0)
        turn = np.cumsum(self.noise(1.2)) + 25 * self.wander(120)
        spread = np.minimum(8 + 12 / np.maximum(mean_wind, 0.3), 60)
        self.wd = (self.dice.uniform(0, 360) + turn + self.event_wd + spread * self.wander(1.5)) % 360
        mean_pressure = 1013 * np.exp(-climate.altitude / 8300)
        tide = climate.tide * np.cos(4 * np.pi * (self.hours - 10) / 24)
        share = mean_pressure / 1013
        self.pa = mean_pressure + share * (7 * self.wander(2 * 1440) * (climate.synoptic / 5) + tide + self.event_pa)
        self.pa = np.asarray(lfilter([1 / 20], [1.0, -(1 - 1 / 20)], self.pa - self.pa[0])) + self.pa[0]

    def _make_ground(self) -> None:
        snowing = self.ta < 0.5
        cold = self.climate.mean + self.climate.annual * self.season < -2
        self.snow = cold & (self.dice.random() < 0.8)
        self.albedo = np.where(self.snow, 0.8, 0.18)
        self.rain = np.where(snowing, 0.0, self.rain_rate) / 60
        slow = lfilter([1 / 500], [1.0, -(1 - 1 / 500)], self.ta - self.ta[0]) + self.ta[0]
        self.ts = np.where(self.snow, np.minimum(slow * 0.2, 0.0), 0.85 * slow + 0.15 * (self.climate.mean + 3))
        wetted = lfilter([1.0], [1.0, -(1 - 1 / 8000)], np.minimum(self.rain, 0.6) * 0.35)
        soaked = lfilter([1 / 25], [1.0, -(1 - 1 / 25)], wetted)
        self.swc = np.clip(self.dice.uniform(8, 28) + soaked, 3, 55)

    def measure(self) -> dict[str, FloatArray]:
        """Return what sensors give."""
        dice = self.dice
        ta = self.ta + self.noise(0.02) + dice.normal(0, 0.08)
        humid = 100 * saturation(self.dew) / saturation(self.ta) + dice.normal(0, 0.7) + self.noise(0.15)
        rh = np.clip(humid, 1.0, 100.0)
        vapour = rh / 100 * saturation(ta)
        depth = np.maximum(self.sine, 0)
        sky = 1.0 - self.cover
        offset = dice.uniform(-2.5, 0) * sky  # a pyranometer's dome cools under a clear sky
        sw_in = self.sw * (1 + dice.normal(0, 0.01)) + offset + self.noise(0.2 + 0.004 * self.sw)
        sw_out = self.sw * self.albedo + offset * 0.3 + self.noise(0.2 + 0.002 * self.sw)
        black = BOLTZMANN * (self.ta + 273.15) ** 4
        emissivity = np.clip(0.62 + 0.06 * np.sqrt(saturation(self.dew)) * 0.9, 0.55, 0.92)
        lw_in = black * (emissivity + (1 - emissivity) * 0.85 * self.cover) + self.noise(0.4)
        skin = self.ta + 0.012 * self.sw * (1 - self.albedo) / (1 + 0.3 * self.ws) - 2.0 * sky * (depth == 0)
        lw_out = BOLTZMANN * (skin + 273.15) ** 4 + self.noise(0.4)
        net = sw_in - sw_out + lw_in - lw_out + self.noise(2)
        gust = self.ws * (1 + self.unsteady * (1.6 + 0.5 * np.abs(self.wander(1.2)))) + 0.05
        calm = self.ws < 0.3  # the cup does not turn
        night = np.asarray(lfilter([1 / 240], [1.0, -(1 - 1 / 240)], (self.sw < 15) / (1 + self.ws)))
        gathered = (0.4 + 6 * night) * self.wander(6)
        signal = np.clip(dice.uniform(92, 100) + 0.5 * self.wander(600) - 1.5 * np.minimum(self.rain_rate, 4), 80, 110)
        return {
            "TA": ta, "T_DEW": dew_point(vapour) + self.noise(0.03), "RH": rh,
            "VPD": np.maximum(saturation(ta) - vapour, 0), "PA": self.pa + self.noise(0.02) + dice.normal(0, 0.1),
            "WS": np.where(calm, 0.0, self.ws), "WS_MAX": np.where(calm & (gust < 0.5), 0.0, gust), "WD": self.wd,
            "P": self._tipped(), "SW_IN": sw_in, "SW_OUT": sw_out,
            "PPFD_IN": self.sw * (2.0 + 0.12 * self.cover) * (1 + dice.normal(0, 0.02)) + self.noise(0.4),
            "LW_IN": lw_in, "LW_OUT": lw_out, "NETRAD": net, "G": 0.08 * net + 4 * self.wander(300) + self.noise(0.2),
            "TS": self.ts + self.noise(0.01), "SWC": self.swc + self.noise(0.03),
            "CO2": 412 + 60 * night - 6 * depth + 3 * self.wander(1500) + gathered + self.noise(0.15),
            "SIGNAL_IRGA": signal + self.noise(0.1),
        }  # fmt: skip

    def _tipped(self) -> FloatArray:
        """Rain in tips of 0.2 mm."""
        tips = np.floor(np.cumsum(self.rain) / 0.2)
        return np.diff(tips, prepend=0.0) * 0.2
