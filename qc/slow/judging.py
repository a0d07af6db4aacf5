"""Flags of readings: of a whole period, or as they arrive, with the same result bit for bit.

The flag of a reading is a function of the readings of its stream from ``look_back_ns`` before it to the next one after
it: whoever has these gets the same flag.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.records import FloatArray
from core.station import Identity
from qc.codes import BAD, GOOD, MISSING, SUSPECT, UNKNOWN
from qc.slow import checks, kernels
from qc.slow.climatology import cells_of
from qc.slow.limits import StreamLimits
from qc.slow.reasons import reasons_of

TimeArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Judged:
    """What the checks say of readings.

    Attributes
    ----------
    times_ns : ndarray, shape (n,), int64
        Which readings, ascending. [ns]
    values : ndarray, shape (n, c), float64
        As they were sent.
    flags : ndarray, shape (n, c), int16
        1 good, 2 unknown, 3 suspect, 4 bad, 9 missing.
    checks : ndarray, shape (n, c), uint32
        Bit mask of what was found; ``qc.slow.checks`` reads it.
    """

    times_ns: TimeArray
    values: FloatArray
    flags: NDArray[np.int16]
    checks: NDArray[np.uint32]


def judge(times_ns: TimeArray, values: FloatArray, limits: StreamLimits, site: Identity) -> Judged:
    """Judge the readings of a period; the first ones lack their past, the last one its next reading.

    Parameters
    ----------
    times_ns : ndarray, shape (n,), int64
        STARTs of the readings, strictly ascending. [ns]
    values : ndarray, shape (n, c), float64
        In the sender's units; NaN is missing.
    limits : StreamLimits
        What the stream is judged by.
    site : Identity
        Where, for the sun.

    Raises
    ------
    ValueError
        Times do not ascend, or the shapes do not fit.
    """
    times, table = _checked(times_ns, values, limits)
    if times.size > 1 and not (np.diff(times) > 0).all():
        raise ValueError("times must ascend, each of them once")
    return _judge(times, table, 0, limits, site)


class Judge:
    """The readings of a stream as they arrive: what is new is judged, and what it changes of earlier ones.

    Parameters
    ----------
    limits, site
        As for ``judge``.
    times_ns, values : ndarray, optional
        Readings that are known and judged already: those of ``limits.look_back_ns`` and of ``late_ns`` before the last
        but one.
    late_ns : int
        How late a reading may come, or be corrected, to be judged here; others must be judged from the store. [ns]
    since_ns : int, optional
        Time from which all readings are known; None: these are all that there are. [ns]
    """

    def __init__(
        self,
        limits: StreamLimits,
        site: Identity,
        times_ns: TimeArray | None = None,
        values: FloatArray | None = None,
        late_ns: int = 0,
        since_ns: int | None = None,
    ) -> None:
        self._limits, self._site, self._late_ns = limits, site, late_ns
        known = np.empty(0, np.int64) if times_ns is None else times_ns
        own = np.empty((0, len(limits.channels))) if values is None else values
        own_times, own_values = _checked(known, own, limits)
        self._rows = _Rows(own_times, own_values)
        self._forgotten_ns = None if since_ns is None else since_ns - 1  # nothing is known up to then

    def reaches(self, time_ns: int) -> bool:
        """Tell whether all is known that a reading of that time, and those that it changes, are judged by."""
        if self._forgotten_ns is None:
            return True
        place = int(np.searchsorted(self._rows.times, time_ns))
        return place > 0 and int(self._rows.times[place - 1]) - self._limits.look_back_ns > self._forgotten_ns

    def add(self, times_ns: TimeArray, values: FloatArray) -> Judged:
        """Judge readings that have just come, or come again with other values; the last value of a time counts.

        Returns
        -------
        Judged
            Of the one before the first of them, whose next reading is known now, and of all from there on that they
            are the past of.

        Raises
        ------
        ValueError
            A reading is older than it ``reaches``, or the shapes do not fit.
        """
        times, table = _checked(times_ns, values, self._limits)
        if not times.size:
            return _judge(times, table, 0, self._limits, self._site)
        first, last = int(times.min()), int(times.max())
        if not self.reaches(first):
            raise ValueError("a reading is older than what is kept: judge its period from the store")
        rows = self._rows
        follows = not rows.times.size or first > rows.times[-1]
        if follows and (times.size == 1 or bool((np.diff(times) > 0).all())):
            rows.append(times, table)
        else:
            rows.merge(times, table)
        known = rows.times
        begin = max(int(np.searchsorted(known, first)) - 1, 0)
        end = int(np.searchsorted(known, last + self._limits.look_back_ns, side="right"))
        judged = _judge(known[: end + 1], rows.values[: end + 1], begin, self._limits, self._site)
        self._forget()
        count = end - begin
        return Judged(judged.times_ns[:count], judged.values[:count], judged.flags[:count], judged.checks[:count])

    def _forget(self) -> None:
        """Drop what neither the newest reading nor the one before it, nor one that comes late, looks back to."""
        times = self._rows.times
        if times.size < 2:
            return
        keep = int(times[-2]) - self._limits.look_back_ns - self._late_ns
        count = int(np.searchsorted(times, keep))
        if count:
            self._forgotten_ns = int(times[count - 1])
            self._rows.drop(count)


class _Rows:
    """Rows in the order of time; room is left behind them, so that appending moves them seldom."""

    def __init__(self, times: TimeArray, values: FloatArray) -> None:
        self._begin, self._end = 0, times.size
        self._times, self._values = times.copy(), values.copy()

    @property
    def times(self) -> TimeArray:
        """Times, shape (n,). [ns]"""
        return self._times[self._begin : self._end]

    @property
    def values(self) -> FloatArray:
        """Values, shape (n, c)."""
        return self._values[self._begin : self._end]

    def append(self, times: TimeArray, values: FloatArray) -> None:
        """Put rows behind the last."""
        if self._end + times.size > self._times.size:
            self._move(self.times, self.values, times.size)
        begin, self._end = self._end, self._end + times.size
        self._times[begin : self._end] = times
        self._values[begin : self._end] = values

    def merge(self, times: TimeArray, values: FloatArray) -> None:
        """Put rows where their times belong; of a time that is there twice the last row counts."""
        every = np.concatenate([self.times, times])
        kept, reverse = np.unique(every[::-1], return_index=True)
        self._move(kept, np.concatenate([self.values, values])[every.size - 1 - reverse], 0)

    def drop(self, count: int) -> None:
        """Forget the first rows."""
        self._begin += count

    def _move(self, times: TimeArray, values: FloatArray, more: int) -> None:
        room = times.size + more + times.size // 8 + 8
        self._times, old = np.empty(room, np.int64), times
        self._times[: old.size] = old
        kept = values
        self._values = np.empty((room, values.shape[1]))
        self._values[: old.size] = kept
        self._begin, self._end = 0, old.size


def reasons(judged: Judged, limits: StreamLimits) -> list[dict[str, list[str]] | None]:
    """Say why values are suspect or bad.

    Returns
    -------
    list of dict or None, length n
        Of each reading: channel -> reasons, each beginning with the name of its check; None: nothing to say.
    """
    found: list[dict[str, list[str]] | None] = [None] * judged.times_ns.size
    for row, column in zip(*np.nonzero(judged.checks), strict=True):
        said = reasons_of(limits, int(column), float(judged.values[row, column]), int(judged.checks[row, column]))
        found[row] = {**(found[row] or {}), limits.channels[column]: said}
    return found


def _checked(times: TimeArray, values: FloatArray, limits: StreamLimits) -> tuple[TimeArray, FloatArray]:
    if values.shape != (times.size, len(limits.channels)):
        raise ValueError(f"expected values of shape {(times.size, len(limits.channels))}, got {values.shape}")
    return np.ascontiguousarray(times, dtype=np.int64), np.ascontiguousarray(values, dtype=np.float64)


def _judge(times: TimeArray, values: FloatArray, begin: int, limits: StreamLimits, site: Identity) -> Judged:
    """Judge the rows from ``begin`` on; those before are their past."""
    masks = np.zeros((times.size - begin, values.shape[1]), dtype=np.uint32)
    clock = np.array([limits.interval_ns, limits.max_gap_ns, limits.look_back_ns, limits.noise_ns], dtype=np.int64)
    place = np.array([site.latitude, site.longitude])
    cells = cells_of(times, site.utc_offset) if limits.climatology.size else times
    kernels.judge_rows(times, values, begin, limits.table, limits.rules, clock, place, cells, limits.climatology, masks)
    own = values[begin:]
    flags = np.full(masks.shape, GOOD, dtype=np.int16)
    flags[:, ~limits.known] = UNKNOWN
    flags[masks & checks.SUSPECT_BITS != 0] = SUSPECT
    flags[masks >> kernels.BAD_SHIFT != 0] = BAD
    flags[~np.isfinite(own)] = MISSING
    return Judged(times[begin:].copy(), own.copy(), flags, masks)
