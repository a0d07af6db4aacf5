"""What is asked of a stream: some of its channels, a period, a form of the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import Depends, Query

from api.deps import From, Period, StationDep, To, choose_period
from api.errors import UnknownStream
from api.exports.encode import file_name
from api.readable import ReadableStore
from core.station import Channel, Stream
from core.store import StationRow

Kind = Literal["block", "reading"]
StreamName = Annotated[str | None, Query(description="Name of the stream; default: the station's first of that kind.")]
ChannelNames = Annotated[str | None, Query(description="Channels, comma separated; default: all.", examples=["TA,RH"])]


StreamFormat = Annotated[
    Literal["json", "csv", "parquet", "arrow", "netcdf"],
    Query(
        alias="format", description="json, csv with units, Parquet, Arrow or netCDF (the last three not of minutes)."
    ),
]


@dataclass(frozen=True, slots=True)
class StreamQuery:
    """Channels of a station's stream, as asked.

    Attributes
    ----------
    row : StationRow
    stream : Stream
    channels : list of Channel
        At least one, as asked.
    start, end : datetime or None
        As asked.
    form : str
        One of ``StreamFormat``.
    """

    row: StationRow
    stream: Stream
    channels: list[Channel]
    start: datetime | None
    end: datetime | None
    form: str

    @property
    def id(self) -> str:
        """The station's."""
        return self.row.station.id

    @property
    def units(self) -> dict[str, str]:
        """Channel -> unit in which it is sent."""
        return {channel.name: channel.unit for channel in self.channels}

    def period(self, store: ReadableStore, default: timedelta, longest: timedelta) -> Period:
        """Return the period; parameters and errors as of ``choose_period``."""
        return choose_period(self.start, self.end, _after_newest(store, self.id, self.stream), default, longest)

    def describe(self, period: Period) -> dict[str, object]:
        """Return what a JSON answer says of it before its data."""
        asked = {"station": self.id, "stream": self.stream.name}
        return {**asked, "from": period.start, "to": period.end, "units": self.units}

    def file_name(self, period: Period, what: str = "") -> str:
        """Return what a downloaded CSV is called."""
        name = f"{self.stream.name}{what}"
        return file_name(self.id, name, period.start, period.end, self.row.station.station.utc_offset)


def ask(kind: Kind) -> Callable[..., StreamQuery]:
    """Return the dependency that gives what is asked of a stream of a kind."""

    def asked(
        row: StationDep,
        start: From = None,
        end: To = None,
        stream: StreamName = None,
        channels: ChannelNames = None,
        form: StreamFormat = "json",
    ) -> StreamQuery:
        found = find_stream(row, stream, kind)
        return StreamQuery(row, found, _find_channels(row, found, channels), start, end, form)

    return asked


ReadingsQuery = Annotated[StreamQuery, Depends(ask("reading"))]
SamplesQuery = Annotated[StreamQuery, Depends(ask("block"))]


def find_stream(row: StationRow, name: str | None, kind: Kind) -> Stream:
    """Return the named stream of that kind, or the station's first one.

    Raises
    ------
    UnknownStream
        There is none.
    """
    streams = [stream for stream in row.station.stream if stream.kind == kind]
    found = next((stream for stream in streams if name in (None, stream.name)), None)
    if found is None:
        wanted = f"stream {name!r} of kind {kind}" if name else f"stream of kind {kind}"
        raise UnknownStream(row.station.id, wanted, [stream.name for stream in streams])
    return found


def _find_channels(row: StationRow, stream: Stream, names: str | None) -> list[Channel]:
    """Return the channels of a comma-separated list, or all.

    Raises
    ------
    UnknownStream
        A name that the stream does not have.
    """
    if not names:
        return list(stream.channels)
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if name not in stream.channel_index:
            raise UnknownStream(
                row.station.id, f"channel {name!r} in stream {stream.name!r}", list(stream.channel_index)
            )
    return [stream.channels[stream.channel_index[name]] for name in wanted]


def _after_newest(store: ReadableStore, station: str, stream: Stream) -> datetime | None:
    """Return the time just after a stream's newest data, None where it never sent."""
    times = [latest.time for latest in store.latest.read(station) if latest.stream == stream.name]
    return max(times) + timedelta(microseconds=stream.dt_ns // 1000) if times else None
