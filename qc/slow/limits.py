"""The limits of a stream's channels: defaults by variable in the sender's units, changed by the station file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.clock import NS
from core.errors import UnknownVariable
from core.records import FloatArray
from core.station import ChannelQuality, Identity, Stream
from core.variables import base_name, convert, variable
from qc.slow import kernels as k
from qc.slow.defaults import DEFAULTS, NOTHING, Default, Pair
from qc.slow.rules import find_rules

MAX_GAP_INTERVALS = 2.5
"""Readings further apart are no neighbours."""
MIN_STILL_READINGS = 18
"""Intervals, at least, over which a sensor may stand still."""
NOISE_MINUTES, NOISE_INTERVALS = 60, 20
"""Over how long the noise before a spike is told: so many minutes, or intervals if these are longer."""
SEA_LEVEL, SCALE_HEIGHT, WEATHER_SHARE = 101.3, 8000.0, 0.09
"""Mean air pressure at sea level [kPa], height over which it falls to 1/e [m], how far weather takes it away."""


@dataclass(frozen=True, eq=False)
class StreamLimits:
    """What the readings of a stream are judged by.

    Attributes
    ----------
    channels, variables, units : tuple of str
        Names, what they measure and in which unit.
    known : ndarray, shape (c,), bool
        Whether there is anything to judge a channel by.
    table : ndarray, shape (c, WIDTH), float64
        Limits in the sender's units (columns: ``qc.slow.kernels``).
    rules : ndarray, shape (r, 12), int64
        What channels have to do with each other.
    interval_ns, max_gap_ns, look_back_ns, noise_ns : int
        Declared step; further readings are no neighbours; how far back a flag looks; and the noise before a spike.
    climatology : ndarray, shape (c, 288, 2), or (0, 0, 0)
        What was learnt.
    climatological : ndarray, shape (c,), bool
        Channels of which the station file wants it.
    """

    channels: tuple[str, ...]
    variables: tuple[str, ...]
    units: tuple[str, ...]
    known: NDArray[np.bool_]
    table: FloatArray
    rules: NDArray[np.int64]
    interval_ns: int
    max_gap_ns: int
    look_back_ns: int
    noise_ns: int
    climatological: NDArray[np.bool_]
    climatology: FloatArray

    def with_climatology(self, learnt: FloatArray) -> StreamLimits:
        """Return these limits with learnt ones, shape (c, 288, 2); channels that do not want them have none."""
        used = np.where(self.climatological[:, None, None], learnt, np.nan)
        return replace(self, climatology=used if self.climatological.any() else self.climatology)


def stream_limits(stream: Stream, site: Identity) -> StreamLimits:
    """Return what a stream of readings of a station file is judged by."""
    return limits_of([(one.name, one.variable, one.unit, one.qc) for one in stream.channels], stream.dt_ns, site)


def limits_of(
    channels: Sequence[tuple[str, str, str, ChannelQuality]], interval_ns: int, site: Identity | None
) -> StreamLimits:
    """Return what channels are judged by; one whose variable or unit is not known (any more) is not judged.

    Parameters
    ----------
    channels : sequence of (name, variable, unit, quality)
        As a station file declares, or declared, them.
    interval_ns : int
        Declared time between readings. [ns]
    site : Identity or None
        Where; its altitude limits the air pressure.
    """
    names, variables, units = ([str(one[i]) for one in channels] for i in range(3))
    table = np.full((len(channels), k.WIDTH), np.nan)
    known = np.zeros(len(channels), dtype=np.bool_)
    minutes = interval_ns / (60 * NS)
    wind = [i for i, name in enumerate(variables) if base_name(name) == "WS"]
    for i, (_, name, unit, quality) in enumerate(channels):
        try:
            limits = _Scaled(name, unit, quality, minutes, site)
        except (UnknownVariable, ValueError):
            table[i, [k.COMPANION, k.PERIOD]] = -1, 0
            continue
        known[i] = True
        table[i] = limits.row(wind[0] if wind and wind[0] != i else -1, channels)
    rules = find_rules(
        variables, [i for i in range(len(channels)) if known[i] and "consistency" not in channels[i][3].off]
    )
    noise_ns = int(max(NOISE_MINUTES * 60 * NS, NOISE_INTERVALS * interval_ns))
    max_gap = int(MAX_GAP_INTERVALS * interval_ns)
    still = table[:, [k.STILL_SUSPECT_NS, k.STILL_BAD_NS]][table[:, k.TOLERANCE] >= 0]
    longest = int(np.nanmax(still)) if np.isfinite(still).any() else 0
    return StreamLimits(
        tuple(names), tuple(variables), tuple(units), known, table, rules,
        interval_ns, max_gap, max(longest, noise_ns, 3 * max_gap), noise_ns,
        np.array([one[3].climatology and "climatology" not in one[3].off for one in channels], dtype=np.bool_),
        np.empty((0, 0, 0)),
    )  # fmt: skip


class _Scaled:
    """Limits of one channel in its own unit."""

    def __init__(self, name: str, unit: str, quality: ChannelQuality, minutes: float, site: Identity | None) -> None:
        facts = variable(name)
        self.name, self.quality = base_name(name), quality
        self.offset = convert(0.0, name, facts.unit, unit)
        self.factor = convert(1.0, name, facts.unit, unit) - self.offset
        self.default = DEFAULTS.get(self.name, Default(suspect=(facts.low, facts.high)))
        self.growth = math.sqrt(max(1.0, minutes))
        self.least_minutes = MIN_STILL_READINGS * minutes
        self.site = site

    def row(self, wind: int, channels: Sequence[tuple[str, str, str, ChannelQuality]]) -> FloatArray:
        """Return the row of the table."""
        own, default = self.quality, self.default
        row = np.full(k.WIDTH, np.nan)
        # the most rain that falls grows as the square root of time, too (Jennings 1950)
        grown = self.growth if self.name == "P" else 1.0
        row[[k.BAD_LOW, k.BAD_HIGH]] = own.range or self._places(default.bad, grown)
        row[[k.SUSPECT_LOW, k.SUSPECT_HIGH]] = own.suspect_range or self._places(self._suspect(), grown)
        row[[k.SPIKE_SUSPECT, k.SPIKE_BAD]] = own.spike or self._sizes(default.spike, self.growth)
        row[k.SPIKE_AVERAGE] = own.spike_method == "average"
        row[k.NOISE_LEAST] = own.spike_noise[0] if own.spike_noise else self._size(default.noise[0])
        row[k.NOISE_FACTOR] = (own.spike_noise or default.noise)[1]
        row[[k.STEP_SUSPECT, k.STEP_BAD]] = own.step or self._sizes(default.step, self.growth)
        row[[k.RATE_SUSPECT, k.RATE_BAD]] = own.rate or self._sizes(default.rate)
        row[k.TOLERANCE] = own.persistence or self._size(default.still)
        minutes = own.persistence_minutes or tuple(
            max(one, self.least_minutes * (2 if i else 1)) for i, one in enumerate(default.minutes)
        )
        row[[k.STILL_SUSPECT_NS, k.STILL_BAD_NS]] = np.round(np.array(minutes) * 60) * NS
        row[[k.STILL_LOW, k.STILL_HIGH]] = own.persistence_between or self._places(default.between)
        row[k.COMPANION] = -1
        if default.windy > 0:
            if wind < 0:
                row[k.TOLERANCE] = np.nan  # without a wind speed nobody knows whether the air moves
            else:
                row[k.COMPANION] = wind
                row[k.COMPANION_ABOVE] = convert(default.windy, "WS", "m s-1", channels[wind][2])
        row[k.PERIOD] = 360 * self.factor if self.name == "WD" else 0
        row[[k.FACTOR, k.OFFSET]] = 1 / self.factor, -self.offset / self.factor
        for check in own.off:
            row[_COLUMNS.get(check, [])] = np.nan
        return row

    def _suspect(self) -> Pair:
        if self.name != "PA" or self.site is None:
            return self.default.suspect
        mean = SEA_LEVEL * math.exp(-self.site.altitude / SCALE_HEIGHT)
        return mean * (1 - WEATHER_SHARE), mean * (1 + WEATHER_SHARE)

    def _places(self, pair: Pair, growth: float = 1.0) -> Pair:
        return pair[0] * self.factor * growth + self.offset, pair[1] * self.factor * growth + self.offset

    def _sizes(self, pair: Pair, growth: float = 1.0) -> Pair:
        return pair[0] * self.factor * growth, pair[1] * self.factor * growth

    def _size(self, size: float) -> float:
        return size * self.factor if not math.isnan(size) else NOTHING


_COLUMNS: dict[str, list[int]] = {
    "range": [k.BAD_LOW, k.BAD_HIGH, k.SUSPECT_LOW, k.SUSPECT_HIGH],
    "spike": [k.SPIKE_SUSPECT, k.SPIKE_BAD, k.NOISE_LEAST],
    "step": [k.STEP_SUSPECT, k.STEP_BAD],
    "rate": [k.RATE_SUSPECT, k.RATE_BAD],
    "persistence": [k.TOLERANCE],
}
"""Columns that are empty where a check is off."""
