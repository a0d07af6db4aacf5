"""Frames of HJ 212 (docs/formats/hj212.md): values of a device by its station file's mapping, nothing guessed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from core.errors import PayloadError
from core.records import Reading
from core.station import Stream
from ingest.hj212.codec.frame import parse_frame
from ingest.hj212.codec.segment import BEIJING_NS, Segment, parse_segment, stamp_ns
from ingest.hj212.codec.splitter import Splitter
from ingest.hj212.codec.values import TIME, Measured, read_values
from ingest.payloads.checks import check_size, shown, time_ns
from ingest.payloads.format import MessageSource
from qc.code_table import sender_reason, to_ours
from qc.codes import GOOD, UNKNOWN

SCHEME = "hj212"
MAX_NAMED = 10
"""Most codes that a message names."""


def decode(source: MessageSource, payload: bytes, now_ns: int) -> list[Reading]:
    """Decode the frame of a message, or the frames of all its parts, as readings of the streams that take it.

    Raises
    ------
    PayloadError
        A frame is none, has another length or CRC than it says, is another device's or of a command that no stream
        takes, or its values cannot be read; and if no code of it is a channel.
    """
    check_size(payload)
    segments = read_segments(payload)
    return [reading for cn, parts in _by_command(segments).items() for reading in _readings(source, cn, parts)]


def read_segments(payload: bytes) -> list[Segment]:
    """Return the data segments of the frames in a message.

    Raises
    ------
    PayloadError
        A frame that is none, or there is none.
    """
    splitter = Splitter()
    frames = [*splitter.feed(payload), *splitter.end()]
    if not frames:
        raise PayloadError("the message has no frame")
    return [parse_segment(parse_frame(frame)) for frame in frames]


def streams_for(source: MessageSource, cn: str) -> tuple[Stream, ...]:
    """Return the streams of a device that take a command."""
    return tuple(stream for stream in source.streams if cn in stream.cn)


def find_unmapped(source: MessageSource, segments: Sequence[Segment]) -> list[str]:
    """Return what a message measured and no channel takes: ``2051 a34004-Avg``."""
    unmapped = []
    for cn, parts in _by_command(segments).items():
        known = {name for stream in streams_for(source, cn) for name in stream.channel_fields}
        sent = dict.fromkeys(name for measured in read_values(parts).values() for name in measured.values)
        unmapped += [f"{cn} {name}" for name in sent if name not in known]
    return unmapped


def _by_command(segments: Sequence[Segment]) -> Mapping[str, list[Segment]]:
    found: dict[str, list[Segment]] = {}
    for segment in segments:
        found.setdefault(segment.cn, []).append(segment)
    return found


def _readings(source: MessageSource, cn: str, parts: Sequence[Segment]) -> Iterator[Reading]:
    device = source.streams[0].mn if source.streams else None
    for segment in parts:
        if segment.mn != device:
            raise PayloadError(f"MN: the frame is of device {shown(segment.mn)}, expected {shown(device)}")
    streams = streams_for(source, cn)
    if not streams:
        taken = ", ".join(dict.fromkeys(cn for stream in source.streams for cn in stream.cn))
        raise PayloadError(
            f"CN {shown(cn)}: no stream of device {shown(device)} takes it, only {taken}: add it to `cn`"
        )
    measured = read_values(parts)
    made = [
        reading for time, one in measured.items() for stream in streams for reading in _one(source, stream, time, one)
    ]
    if not made:
        sent = dict.fromkeys(name for one in measured.values() for name in one.values)
        listed = ", ".join(shown(name) for name in list(sent)[:MAX_NAMED]) or "nothing"
        wanted = ", ".join(name for stream in streams for name in stream.channel_fields)[:200]
        raise PayloadError(
            f"none of the codes of the streams of CN {cn} ({wanted}) is in the message, which has {listed}: correct "
            "`field` in the station file"
        )
    yield from made


def _one(source: MessageSource, stream: Stream, time: str, measured: Measured) -> Iterator[Reading]:
    """Give the reading of a stream, if the message has a value of it."""
    sent = {channel.name: channel.sent_as for channel in stream.channels}
    if not any(name in measured.values for name in sent.values()):
        return
    offset = stream.logger_utc_offset
    ahead_ns = BEIJING_NS if offset is None else round(offset * 3600) * 10**9
    start_ns = stamp_ns(time, TIME, ahead_ns) - (stream.dt_ns if stream.stamps == "end" else 0)
    values = {channel: measured.values.get(name, math.nan) for channel, name in sent.items()}
    flags = {}
    for channel, name in sent.items():
        said = measured.flags.get(name.rpartition("-")[0])
        if name in measured.values and said and (flag := _flag(said)) is not None:
            flags[channel] = flag
    yield Reading(source.station, stream.name, time_ns(start_ns, TIME), values, sender_flags=flags)


def _flag(code: str) -> tuple[int, str] | None:
    """Return what a sender's flag is with us and why, None where it says that all is well."""
    try:
        flag, cause = to_ours(SCHEME, code)
    except ValueError:
        return UNKNOWN, sender_reason("a flag that is not known", "HJ 212", shown(code)[:20])
    return None if flag == GOOD else (flag, sender_reason(cause, "HJ 212", code))
