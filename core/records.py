"""What the rooms hand to each other: plain frozen records, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SampleBlock:
    """One message of high-rate samples, as sent: the sender's channels in the sender's units.

    Attributes
    ----------
    station, stream : str
        Station id and stream name.
    start_ns : int
        START of the first sample's interval. [ns since 1970 UTC]
    dt_ns : int
        Time between samples. [ns]
    channels : tuple of str
        Channel names, as the sender calls them.
    samples : ndarray, shape (len(channels), n), float32
        Values; NaN is a missing sample.
    seq : int or None
        Block number, ascending by one within a run; None from a sender that does not count.
    run : int
        The message sequence that ``seq`` belongs to; 0 from a sender that does not name it.
    """

    station: str
    stream: str
    start_ns: int
    dt_ns: int
    channels: tuple[str, ...]
    samples: Float32Array
    seq: int | None = None
    run: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """One slow message: values of several channels at one time, in the sender's units. [ns since 1970 UTC]

    ``seq`` and ``run`` number it as those of a ``SampleBlock`` do. ``step_ns`` is the declared time between readings,
    known when the reading is placed. [ns] ``sender_flags`` has what the sender itself says of a channel's value, if it
    is not simply good: a flag in the convention of QARTOD, and the reason.
    """

    station: str
    stream: str
    time_ns: int
    values: Mapping[str, float]
    seq: int | None = None
    run: int = 0
    step_ns: int = 0
    sender_flags: Mapping[str, tuple[int, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoggerState:
    """Whether a logger is connected to the broker, by its own word or its last will.

    ``logger`` is what it calls itself; one that does not say is nameless.
    """

    station: str
    logger: str
    online: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reject:
    """A message that could not be decoded or placed, with the reason and its bytes."""

    topic: str
    payload: bytes
    reason: str
    station: str = ""


@dataclass(frozen=True, slots=True)
class Samples:
    """A regular stretch of samples; a slot for which nothing was received is NaN.

    Attributes
    ----------
    start_ns, dt_ns : int
        START of the first sample's interval and the step. [ns]
    channels : mapping of str to ndarray, shape (n,), float64
        From the store: the sender's channels and units. In ``fluxcalc``: FLUXNET variables in SI.
    """

    start_ns: int
    dt_ns: int
    channels: Mapping[str, FloatArray]

    @property
    def n(self) -> int:
        """Number of slots."""
        return next((len(values) for values in self.channels.values()), 0)


@dataclass(frozen=True, slots=True)
class FluxRecord:
    """The result of one averaging interval.

    Attributes
    ----------
    station : str
        Station id.
    start, end : datetime
        The interval, UTC.
    values : mapping of str to float
        FLUXNET names (``core.variables.FLUX_COLUMNS``) in FLUXNET units; NaN where it cannot be said.
    reasons : mapping of str to str
        For a flag that is not the best, or a value that is missing: why, in words.
    diagnostics : mapping of str to float
        Every intermediate value by name (uncorrected fluxes, lags, spikes, angles), SI unless the name says otherwise.
    """

    station: str
    start: datetime
    end: datetime
    values: Mapping[str, float]
    reasons: Mapping[str, str] = field(default_factory=dict)
    diagnostics: Mapping[str, float] = field(default_factory=dict)
