"""Conform a decoded record to what its station file declares."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from core.errors import PayloadError, UnknownVariable
from core.records import Reading, SampleBlock
from core.station import Channel, Station, Stream
from core.variables import convert, variable
from ingest.collector.stamp_limits import StampLimits
from ingest.files.text_columns import MISSING_CODE

DEFAULT_LIMITS = StampLimits()
LEAST_CODE = 99.5
"""Smallest number, without its sign, that may stand for a missing value; 99 may be what a broken sensor says."""
DT_TOLERANCE = 0.01
"""Largest relative difference between a block's step and the declared rate."""


def conform(
    record: SampleBlock | Reading, station: Station, came_ns: int, limits: StampLimits = DEFAULT_LIMITS
) -> SampleBlock | Reading:
    """Bring a record into the declared channel order and units; a declared channel that was not sent is NaN.

    Parameters
    ----------
    record : SampleBlock or Reading
        As decoded.
    station : Station
        The station of that id, as registered.
    came_ns : int
        When it came. [ns since 1970 UTC]
    limits : StampLimits
        How far from that its stamp may be.

    Raises
    ------
    PayloadError
        The station declares no such stream, kind, channel or rate, or the record lies too far ahead or
        back; says the remedy.
    """
    if isinstance(record, SampleBlock):
        stream = _stream(station, record.stream, "block")
        limits.check(record.start_ns + record.dt_ns * record.samples.shape[1], came_ns, station.id)
        if abs(record.dt_ns - stream.dt_ns) > DT_TOLERANCE * stream.dt_ns:
            raise PayloadError(
                f"dt: stream {stream.name!r} declares {stream.rate:g} samples a second ({stream.dt_ns} ns), "
                f"the block has {record.dt_ns} ns: correct `rate` in the station file or the logger's program"
                f"{_unit_of_step(record.dt_ns, stream.dt_ns)}",
                station=station.id,
            )
        return scale_block(_ordered_block(record, station, stream), stream)
    stream = _stream(station, record.stream, "reading")
    limits.check(record.time_ns, came_ns, station.id)
    _check_channels(record.values, station, stream)
    values = {channel.name: _value(record.values.get(channel.name, math.nan), channel) for channel in stream.channels}
    return replace(record, values=values, step_ns=stream.dt_ns)


def _value(sent: float, channel: Channel) -> float:
    """Return a value in the declared unit; what stands for a missing one, as -9999 or Campbell's -7999, is NaN.

    It must look like one and lie outside the variable's plausible limits.
    """
    value = sent * channel.gain + channel.gain_offset
    if abs(sent) >= LEAST_CODE and MISSING_CODE.fullmatch(repr(sent)) is not None:
        try:
            limits = variable(channel.variable)
            known = convert(value, channel.variable, channel.unit, limits.unit)
        except (UnknownVariable, ValueError):
            return value  # a station file was accepted with it, and it is not known any more
        if not limits.low <= known <= limits.high:
            return math.nan
    return value


def _ordered_block(block: SampleBlock, station: Station, stream: Stream) -> SampleBlock:
    declared = tuple(stream.channel_index)
    if block.channels == declared:
        return block
    _check_channels(block.channels, station, stream)
    samples = np.full((len(declared), block.samples.shape[1]), np.nan, np.float32)
    samples[[stream.channel_index[name] for name in block.channels]] = block.samples
    return replace(block, channels=declared, samples=samples)


def _unit_of_step(dt: int, wanted_ns: int) -> str:
    """Say in which unit a step would be the declared one, if it would."""
    for unit, factor in (("milliseconds", 10**6), ("microseconds", 1000)):
        if abs(dt * factor - wanted_ns) <= DT_TOLERANCE * wanted_ns:
            return f"; it looks like {unit}: nanoseconds are due, multiply by {factor}"
    return ""


def scale_block(block: SampleBlock, stream: Stream) -> SampleBlock:
    """Bring a block in the declared channel order to the declared units."""
    if stream.scales is None:
        return block
    gain, offset = (np.array(one)[:, None] for one in stream.scales)
    return replace(block, samples=(block.samples * gain + offset).astype(np.float32))


def _stream(station: Station, name: str, kind: str) -> Stream:
    stream = station.streams.get(name)
    if stream is None:
        raise PayloadError(
            f"unknown stream {name!r}: station {station.id} declares {', '.join(sorted(station.streams))}; "
            "add a [[stream]] to the station file and run `fluxtower station add FILE.toml` again",
            station=station.id,
        )
    if stream.kind != kind:
        raise PayloadError(
            f"stream {name!r} is declared as {stream.kind}: publish to .../{stream.kind}, "
            "or change `kind` in the station file",
            station=station.id,
        )
    return stream


def _check_channels(names: Iterable[str], station: Station, stream: Stream) -> None:
    unknown = [name for name in names if name not in stream.channel_index]
    if unknown:
        meant = [name for name in stream.channel_index if name.lower() == unknown[0].lower()]
        remedy = f"send {meant[0]!r} (capitals matter), or " if meant else ""
        raise PayloadError(
            f"unknown channel {unknown[0]!a}: stream {stream.name!r} declares {', '.join(stream.channel_index)}; "
            f"{remedy}add it to the station file and run `fluxtower station add FILE.toml` again",
            station=station.id,
        )
