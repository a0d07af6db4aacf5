"""What a format of messages is: a row of traits that stands beside its decoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from core.extensions import Unfit
from core.records import LoggerState, Reading, SampleBlock
from core.station import Stream

Record = SampleBlock | Reading | LoggerState
Kind = Literal["block", "reading"]


@dataclass(frozen=True, slots=True)
class MessageSource:
    """Where the messages of a topic belong.

    Attributes
    ----------
    station, stream : str
        Station id and stream name; a logger's state has no stream.
    format : str
        Which decoder reads them.
    declared : Stream or None
        The stream as the station file declares it; None where it does not.
    ahead_ns : int
        Stamps without a zone, minus UTC. [ns]
    stamps_end : bool
        Whether a stamp is the END of its record's interval: as the station file says, else as the format does.
    streams : tuple of Stream
        Of a device of HJ 212 all streams that its frames may fill; ``stream`` and ``declared`` then say nothing.
    """

    station: str
    stream: str
    format: str
    declared: Stream | None = None
    ahead_ns: int = 0
    stamps_end: bool = False
    streams: tuple[Stream, ...] = ()

    def __str__(self) -> str:
        return f"{self.station}/{self.stream}/{self.format}" if self.stream else f"{self.station}/{self.format}"


Decoder = Callable[[MessageSource, bytes, int], Sequence[Record]]


@dataclass(frozen=True, slots=True)
class MessageExample:
    """Good messages of a format, from which hostile ones are made to try its decoder.

    Attributes
    ----------
    stream : str
        The ``[[stream]]`` of a station file that declares what they hold: ``name``, ``kind``, ``channels``..., without
        ``topic`` and ``format``.
    payloads : tuple of bytes
        What a sender publishes.
    """

    stream: str
    payloads: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class MessageFormat:
    """A format of messages: what reads it, and what a station file may say about a stream that comes in it.

    Attributes
    ----------
    decode : callable
        ``(source, payload, now_ns) -> records``: at least one, in the order sent, or a ``PayloadError`` whatever the
        bytes are. ``now_ns`` is when the message came. [ns since 1970 UTC]
    kinds : tuple of str
        Kinds of streams that it can carry: ``block``, ``reading``. A logger's table carries both.
    stamps : str
        Which end of its interval a record's stamp is unless the station file says otherwise (``stamps``): ``end`` for
        the rows of a logger's table. ``MessageSource.stamps_end`` tells the decoder what holds.
    local_times : bool
        Whether stamps have no zone, so that the station file may say ``logger_utc_offset``.
    needs_columns : bool
        Whether messages may lack the names of their fields, so that the station file may say ``columns``.
    has_paths : bool
        Whether the station file says where in a message things are, so that it may say ``time_path``.
    states_units : bool
        Whether a message may state units; one that differs from the station file's is then refused.
    examples : tuple of MessageExample
        Good messages, for tests.
    """

    decode: Decoder
    kinds: tuple[Kind, ...]
    stamps: Literal["start", "end"] = "start"
    local_times: bool = False
    needs_columns: bool = False
    has_paths: bool = False
    states_units: bool = False
    examples: tuple[MessageExample, ...] = ()

    def __post_init__(self) -> None:
        if not callable(self.decode):
            raise Unfit("a function as decode", self.decode)
        if not self.kinds or not {*self.kinds} <= {"block", "reading"}:
            raise ValueError(f"kinds: expected some of 'block', 'reading', got {self.kinds!r}")
        if self.stamps not in ("start", "end"):
            raise ValueError(f"stamps: expected 'start' or 'end', got {self.stamps!r}")


def accept_format(found: object, package: str) -> MessageFormat:
    """Return what an entry point of a package names if it is a format of messages.

    Raises
    ------
    Unfit
        It is something else.
    """
    if not isinstance(found, MessageFormat):
        raise Unfit("a MessageFormat", found)
    return found
