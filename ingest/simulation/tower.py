"""A simulated forest tower: the blocks and readings that a station file declares, with known fluxes built in.

Its half-hours can be had without the samples, too: as a history, with the noise and the gaps of a real tower.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from core.clock import NS, floor_to_grid, to_ns
from core.constants import ZERO_CELSIUS
from core.errors import ConfigError
from core.records import FloatArray, FluxRecord, Reading, SampleBlock
from core.station import Channel, Station, Stream
from core.variables import FLUX_COLUMNS, base_name, si_scale
from ingest.simulation import forest
from ingest.simulation.forest import HALF_HOUR_NS, SIGMA_OVER_USTAR, Truth, Weather

MEMORY_SECONDS = (0.8, 3.0, 3.0, 2.0, 2.0, 2.0)
"""How long w, u, v and the scalars' own parts (T, H2O, CO2) remember themselves. [s]"""
SCALAR_CORRELATION = 0.4
"""Correlation of a scalar with vertical wind while its flux is large."""
MIN_SIGMA = {"ta": 0.05, "h2o": 4e-3, "co2": 4e-5}
"""Standard deviations of air temperature [K] and densities [mol m-3] when their flux is small."""

MISSING_FC_SHARE = 0.2
"""Share of a history's half-hours without FC."""
HISTORY_SEED = 17
"""Keeps the chance of a history apart from that of the samples."""


@dataclass(frozen=True, slots=True)
class Tower:
    """What to simulate.

    Attributes
    ----------
    station : Station
        Declares streams, channels, units and rates; needs a [sonic] and a [site].
    seed : int
        The same seed gives the same records, whatever the start.
    block_seconds : float
        Length of a block; a half-hour holds a whole number of them. [s]
    outages : frozenset of datetime
        Starts of half-hours (UTC) without high-rate blocks.
    spikes : int
        Spikes per half-hour, in channels and at times drawn by chance.
    """

    station: Station
    seed: int = 1
    block_seconds: float = 10.0
    outages: frozenset[datetime] = field(default_factory=frozenset)
    spikes: int = 0


def truth(tower: Tower, start: datetime) -> Truth:
    """Return what is built into the half-hour from ``start``."""
    return forest.truth(tower.station, tower.seed, start)


def records(tower: Tower, start: datetime, days: float) -> Iterator[SampleBlock | Reading]:
    """Make all records of all streams.

    Parameters
    ----------
    tower : Tower
        What to simulate.
    start : datetime
        Begin, UTC; taken back to the half-hour.
    days : float
        How long; a begun half-hour is completed.

    Returns
    -------
    iterator of SampleBlock or Reading
        In the order in which their intervals END, which is when a logger sends them.

    Raises
    ------
    ConfigError
        The station file asks for a variable that cannot be simulated.
    """
    streams = [
        _blocks(tower, stream, start, days) if stream.kind == "block" else _readings(tower, stream, start, days)
        for stream in tower.station.stream
    ]
    return heapq.merge(*streams, key=lambda record: _end_ns(record, tower.station))


def history(tower: Tower, start: datetime, days: float) -> list[FluxRecord]:
    """Make half-hours as another program might have left them of the tower's past.

    They are what is built in, with noise as towers have it (Hollinger & Richardson 2005,
    doi:10.1093/treephys/25.7.873: two-sided exponential, growing with the flux) and without FC in a fifth of them.

    Parameters
    ----------
    tower : Tower
        What to simulate.
    start : datetime
        Begin, UTC; taken back to the half-hour.
    days : float
        How long; a begun half-hour is completed.
    """
    starts = _half_hours(start, days)
    air = forest.weather(tower.station, tower.seed, np.array([to_ns(one) for one in starts]) + HALF_HOUR_NS // 2)
    dryness = forest.saturation_pressure(air.ta) - air.e
    records = []
    for i, one in enumerate(starts):
        built_in = truth(tower, one)
        random = np.random.default_rng([tower.seed, HISTORY_SEED, to_ns(one) // HALF_HOUR_NS])
        fc, lost = 1e6 * built_in.fc, random.random() < MISSING_FC_SHARE
        values = {
            "FC": np.nan if lost else fc + random.laplace(0, 0.3 + 0.06 * abs(fc)),
            "LE": built_in.le + random.laplace(0, 4 + 0.06 * abs(built_in.le)),
            "H": built_in.h + random.laplace(0, 4 + 0.06 * abs(built_in.h)),
            "USTAR": built_in.ustar,
            "WS": built_in.wind,
            "TA": air.ta[i] - ZERO_CELSIUS,
            "RH": 100 * air.rh[i],
            "PA": air.pa[i] / 1000,
            "VPD": dryness[i] / 100,
            "SW_IN": air.sw_in[i],
        } | dict.fromkeys(("FC_SSITC_TEST", "LE_SSITC_TEST", "H_SSITC_TEST"), 0.0)
        known = dict.fromkeys(FLUX_COLUMNS, np.nan) | {name: float(value) for name, value in values.items()}
        reasons = {"FC": "missing in the simulated history"} if lost else {}
        records.append(FluxRecord(tower.station.station.id, one, one + timedelta(minutes=30), known, reasons, {}))
    return records


def _end_ns(record: SampleBlock | Reading, station: Station) -> int:
    if isinstance(record, SampleBlock):
        return record.start_ns + record.dt_ns * int(record.samples.shape[1])
    return record.time_ns + station.streams[record.stream].dt_ns


def _half_hours(start: datetime, days: float) -> list[datetime]:
    count = int(np.ceil(days * 48 - 1e-9))
    return [floor_to_grid(start, 30) + i * timedelta(minutes=30) for i in range(count)]


def _blocks(tower: Tower, stream: Stream, start: datetime, days: float) -> Iterator[SampleBlock]:
    n = round(tower.block_seconds * NS / stream.dt_ns)
    names = tuple(stream.channel_index)
    for half_hour in _half_hours(start, days):
        if half_hour in tower.outages:
            continue
        values = half_hour_samples(tower, stream, half_hour)
        begin = to_ns(half_hour)
        for first in range(0, values.shape[1], n):
            part = np.ascontiguousarray(values[:, first : first + n], np.float32)
            start_ns = begin + first * stream.dt_ns
            seq = start_ns // (n * stream.dt_ns)
            yield SampleBlock(tower.station.id, stream.name, start_ns, stream.dt_ns, names, part, seq)


def half_hour_samples(tower: Tower, stream: Stream, start: datetime) -> FloatArray:
    """Make one half-hour of a stream.

    Without spikes its block covariances in the mean streamline are exactly those of ``truth``.

    Parameters
    ----------
    tower : Tower
        What to simulate.
    stream : Stream
        A stream of kind block of its station.
    start : datetime
        Start of the half-hour, UTC.

    Returns
    -------
    ndarray, shape (channels, n), float64
        In the declared units.
    """
    built_in = truth(tower, start)
    n = round(HALF_HOUR_NS / stream.dt_ns)
    random = np.random.default_rng([tower.seed, to_ns(start) // HALF_HOUR_NS])
    made = _turbulence(built_in, _whitened(random, n, stream.dt_ns / NS))
    for variable, constant in (("TA", built_in.ta), ("PA", built_in.pa), ("DIAG_SONIC", 0.0), ("DIAG_IRGA", 0.0)):
        made[variable] = np.full(n, constant)
    values = np.stack([_declared(tower.station, channel, made) for channel in stream.channels])
    rows = random.integers(0, len(values), tower.spikes)
    height = random.choice((-1.0, 1.0), tower.spikes) * random.uniform(12, 25, tower.spikes)
    values[rows, random.integers(0, n, tower.spikes)] += height * values.std(axis=1)[rows]
    return values


def _whitened(random: np.random.Generator, n: int, dt: float) -> FloatArray:
    """Return six series, shape (6, n), that remember themselves, with mean 0, variance 1 and covariance 0 exactly."""
    series = random.standard_normal((6, n), np.float32)
    for row, memory in zip(series, MEMORY_SECONDS, strict=True):
        keep = np.exp(-dt / memory)
        row[:] = lfilter([1.0], [1.0, -keep], row)
    exact: FloatArray = series.astype(np.float64)
    exact -= exact.mean(axis=1, keepdims=True)
    return np.linalg.solve(np.linalg.cholesky(exact @ exact.T / n), exact)


def _turbulence(built_in: Truth, noise: FloatArray) -> dict[str, FloatArray]:
    """Give noise the covariances of a half-hour; wind in the sonic's frame, SI."""
    w_unit, u_own, v_own, ta_own, h2o_own, co2_own = noise
    sigma = {name: ratio * built_in.ustar for name, ratio in SIGMA_OVER_USTAR.items()}
    w = sigma["w"] * w_unit
    r_uw = -(built_in.ustar**2) / (sigma["u"] * sigma["w"])
    u = sigma["u"] * (r_uw * w_unit + np.sqrt(1 - r_uw**2) * u_own)
    v = sigma["v"] * v_own
    ta = _scalar("ta", built_in.w_ta, sigma["w"], w_unit, ta_own)
    h2o = _scalar("h2o", built_in.w_h2o, sigma["w"], w_unit, h2o_own)
    co2 = _scalar("co2", built_in.w_co2, sigma["w"], w_unit, co2_own)
    per_ta, per_h2o = forest.sonic_slopes(built_in.ta, built_in.pa, built_in.e)
    along = built_in.wind + u
    yaw, pitch = built_in.yaw, built_in.pitch
    level = along * np.cos(pitch) - w * np.sin(pitch)
    return {
        "U": level * np.cos(yaw) - v * np.sin(yaw),
        "V": level * np.sin(yaw) + v * np.cos(yaw),
        "W": along * np.sin(pitch) + w * np.cos(pitch),
        "T_SONIC": built_in.t_sonic + per_ta * ta + per_h2o * h2o,
        "H2O_DENSITY": built_in.h2o_density + h2o,
        "CO2_DENSITY": built_in.co2_density + co2,
    }


def _scalar(name: str, covariance: float, sigma_w: float, w_unit: FloatArray, own: FloatArray) -> FloatArray:
    sigma = max(abs(covariance) / (SCALAR_CORRELATION * sigma_w), MIN_SIGMA[name])
    r = covariance / (sigma * sigma_w)
    made: FloatArray = sigma * (r * w_unit + np.sqrt(1 - r**2) * own)
    return made


def _readings(tower: Tower, stream: Stream, start: datetime, days: float) -> Iterator[Reading]:
    half_hours = _half_hours(start, days)
    begin, end = to_ns(half_hours[0]), to_ns(half_hours[-1]) + HALF_HOUR_NS
    times: NDArray[np.int64] = np.arange(begin, end, stream.dt_ns)
    air = forest.weather(tower.station, tower.seed, times + stream.dt_ns // 2)
    columns = [_slow(tower.station, stream, channel, air) for channel in stream.channels]
    names = list(stream.channel_index)
    for time_ns, row in zip(times.tolist(), np.stack(columns, axis=1).tolist(), strict=True):
        yield Reading(tower.station.id, stream.name, time_ns, dict(zip(names, row, strict=True)))


def _slow(station: Station, stream: Stream, channel: Channel, air: Weather) -> FloatArray:
    made = {
        "TA": air.ta,
        "RH": air.rh,
        "PA": air.pa,
        "SW_IN": air.sw_in,
        "PPFD_IN": 2.0e-6 * air.sw_in,
        "P": air.rain * stream.dt_ns / NS,
    }
    if base_name(channel.variable) == "CO2":
        levels = [other.name for other in stream.channels if base_name(other.variable) == "CO2"]
        top = station.sonic.height if station.sonic else 30.0
        made["CO2"] = forest.co2_profile(air, top / 2 ** levels.index(channel.name))
    return _declared(station, channel, made)


def _declared(station: Station, channel: Channel, made: Mapping[str, FloatArray]) -> FloatArray:
    """Return a channel's values in the unit that the station file declares."""
    variable = base_name(channel.variable)
    if variable not in made:
        raise ConfigError(
            f"{station.id}.toml", f"stream.channels.{channel.name}.variable", f"one of {', '.join(made)}", variable
        )
    factor, offset = si_scale(variable, channel.unit)
    declared: FloatArray = (made[variable] - offset) / factor
    return declared
