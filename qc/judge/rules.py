"""By what the readings of a stream are judged: the limits of its channels as the station file has them now."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

from core.records import FloatArray
from core.station import Channel, ChannelQuality, Station
from core.store import Reasons, StreamRow
from qc.slow.judging import Judge, Judged, judge, reasons
from qc.slow.limits import StreamLimits, limits_of

VERSION = 1
"""Of the checks: another number, and what was judged before is judged again."""


@dataclass(frozen=True, slots=True, eq=False)
class StreamRules:
    """What judges the readings of one layout of a stream.

    Attributes
    ----------
    stream : StreamRow
    station : Station
        As the station file has it now.
    limits : StreamLimits
    digest : str
        Another one where another rule holds.
    """

    stream: StreamRow
    station: Station
    limits: StreamLimits
    digest: str

    @property
    def look_back_ns(self) -> int:
        """A flag is made of the readings of so long before, and of the next one. [ns]"""
        return self.limits.look_back_ns

    def judge(self, time_ns: NDArray[np.int64], values: FloatArray) -> Judged:
        """Judge readings; the first ones lack their past.

        Parameters
        ----------
        time_ns : ndarray, shape (n,), int64
            Ascending. [ns since 1970 UTC]
        values : ndarray, shape (n, channels)
            In the sender's units; NaN is missing.
        """
        return judge(time_ns, values, self.limits, self.station.station)

    def follow(self, time_ns: NDArray[np.int64], values: FloatArray, since_ns: int) -> Judge:
        """Return what judges the readings that come, after those that are known from a time on."""
        return Judge(self.limits, self.station.station, time_ns, values, since_ns=since_ns)

    def explain(self, judged: Judged) -> list[Reasons | None]:
        """Return for each reading what is said of its channels, None where nothing is."""
        return reasons(judged, self.limits)


def rules_of(stream: StreamRow, station: Station, climatology: FloatArray | None = None) -> StreamRules:
    """Return the rules for a layout of a stream, be it the one in force or an earlier one.

    ``climatology``, shape (channels, 288, 2), is what was learnt of its past; channels that do not want it have none.
    """
    declared = station.streams.get(stream.name)
    now: dict[str, Channel] = {one.name: one for one in declared.channels} if declared else {}
    channels = [
        (name, measured, unit, _quality(now.get(name), measured, unit))
        for name, measured, unit in zip(stream.channels, stream.variables, stream.units, strict=True)
    ]
    limits = limits_of(channels, stream.dt_ns, station.station)
    if climatology is not None and climatology.shape[0] == len(channels):
        limits = limits.with_climatology(climatology)
    return StreamRules(stream, station, limits, _digest(limits, station))


def _quality(channel: Channel | None, measured: str, unit: str) -> ChannelQuality:
    """Return what the station file says of a channel, if it is still the same one."""
    is_same = channel is not None and (channel.variable, channel.unit) == (measured, unit)
    return channel.qc if channel is not None and is_same else ChannelQuality()


def _digest(limits: StreamLimits, station: Station) -> str:
    site = station.station
    words: list[object] = [VERSION, site.latitude, site.longitude, site.altitude, site.utc_offset]
    words += [limits.channels, limits.variables, limits.units]
    words += [limits.interval_ns, limits.max_gap_ns, limits.look_back_ns, limits.noise_ns]
    digest = hashlib.sha256(orjson.dumps(words))
    for array in (limits.known, limits.table, limits.rules, limits.climatological, limits.climatology):
        digest.update(array.tobytes())
    return digest.hexdigest()
