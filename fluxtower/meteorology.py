"""Slow meteorology out of files: means of half-hours, as the worker takes them from the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from core.clock import from_ns, to_ns
from core.errors import PayloadError
from core.station import Station
from fluxcalc.interval import Meteorology, flux_of
from fluxcalc.weather import mean_meteorology, weather
from ingest.files.raw import find_span, read_records
from ingest.files.records import Records, Report, Span
from qc.limits import flag_limits

MEASURED = ("TA", "RH", "PA")


@dataclass(frozen=True, slots=True)
class Weather:
    """Means of slow sensors.

    Attributes
    ----------
    means : mapping of datetime to Meteorology
        Start of an interval (UTC) -> its means; intervals without a reading are not in it.
    counts : mapping of datetime to tuple of int
        Start -> readings of ``MEASURED``.
    expected : float
        Readings that an interval should have.
    """

    means: Mapping[datetime, Meteorology]
    counts: Mapping[datetime, tuple[int, ...]]
    expected: float

    def explain(self, starts: Sequence[datetime]) -> str:
        """Say in words how many of some intervals have a mean, and how many of these lack some of their readings."""
        parts = []
        for i, name in enumerate(MEASURED):
            counts = [self.counts[start][i] for start in starts if start in self.counts]
            covered = sum(count > 0 for count in counts)
            partly = sum(0 < count < self.expected - 0.5 for count in counts)
            parts.append(f"{name} in {covered or 'none'}" + (f" ({partly} not wholly)" if partly else ""))
        return f"meteorology of {len(starts)} intervals: " + ", ".join(parts)


NO_WEATHER = Weather({}, {}, 1.0)


def read_weather(files: Sequence[Path], station: Station, begin: datetime, end: datetime, report: Report) -> Weather:
    """Average the readings in files over intervals; values outside the limits of their variable are left out.

    A reading belongs to the interval that holds its START. One that several files repeat counts once; where different
    readings claim the same time none is used. Memory holds the readings of files that overlap, and the means.

    Parameters
    ----------
    files : sequence of Path
        In any order; ``[files.meteorology]`` says what they look like.
    station : Station
        With ``flux.meteorology``.
    begin, end : datetime
        Only readings within [begin, end), UTC.
    report : callable
        Takes what is wrong with a file, in words; the other files go on.
    """
    flux = flux_of(station)
    stream = flux.meteorology or ""
    length = flux.averaging_minutes * 60 * 10**9
    first, last = to_ns(begin), to_ns(end)
    pending = pl.DataFrame(schema={"time": pl.Int64, **dict.fromkeys(MEASURED, pl.Float64)})
    sums = [_sums(pending, length)]
    spans = _spans(files, station, stream, first, last, report)
    for i, span in enumerate(spans):
        following = spans[i + 1].start_ns if i + 1 < len(spans) else last
        for records in _records_of(span, station, stream, first, report):
            readings = _readings(records, station, stream)
            pending = pl.concat([pending, readings.filter(pl.col("time").is_between(first, last, closed="left"))])
            # nothing that comes later, in this file or in another one, belongs to an interval that is over by then
            over = min(int(records.starts[-1]), following) // length * length
            sums.append(_sums(pending.filter(pl.col("time") < over), length))
            pending = pending.filter(pl.col("time") >= over)
    totals = pl.concat([*sums, _sums(pending, length)]).group_by("start", maintain_order=True).sum()
    return _average(totals, length / station.streams[stream].dt_ns)


def _spans(files: Sequence[Path], station: Station, stream: str, first: int, last: int, report: Report) -> list[Span]:
    """Return the files that reach into a time, in its order."""
    spans = []
    for file in files:
        try:
            span = find_span(file, station, stream)
        except PayloadError as error:
            report(str(error))
        else:
            if span.start_ns < last and span.end_ns > first:
                spans.append(span)
    return sorted(spans, key=lambda one: one.start_ns)


def _records_of(span: Span, station: Station, stream: str, begin: int, report: Report) -> Iterator[Records]:
    """Read a file piece by piece; where it cannot be read further, what came before counts."""
    try:
        yield from read_records(span, station, stream, begin, report)
    except PayloadError as error:
        report(str(error))


def _readings(records: Records, station: Station, stream: str) -> pl.DataFrame:
    """Bring raw readings into TA [deg C], RH [%] and PA [kPa]; what cannot be believed is null."""
    declared = station.streams[stream]
    variables, units = zip(*((one.variable, one.unit) for one in declared.channels), strict=True)
    flags = flag_limits(records.values.T, variables, units)
    raw = dict(zip(declared.channel_index, records.values, strict=True))
    frame = pl.DataFrame({"time": records.starts, **raw, "flags": pl.Series(flags).arr.to_list()})
    return weather(frame, declared).select(pl.col("start").alias("time"), *MEASURED)


def _sums(readings: pl.DataFrame, length: int) -> pl.DataFrame:
    """Return sum and number of each variable by the start of its interval."""
    once = readings.unique(maintain_order=True)
    agreed = once.filter(pl.col("time").is_unique())
    numbers = [pl.col(name).count().alias(f"{name}_n") for name in MEASURED]
    return agreed.group_by((pl.col("time") // length * length).alias("start"), maintain_order=True).agg(
        pl.col(MEASURED).sum(), *numbers
    )


def _average(totals: pl.DataFrame, expected: float) -> Weather:
    numbers = [f"{name}_n" for name in MEASURED]
    # no reading makes no mean: nothing over nothing is NaN
    means = totals.select("start", *(pl.col(name) / pl.col(f"{name}_n") for name in MEASURED))
    starts = [from_ns(start) for start in totals["start"]]
    return Weather(
        {start: mean_meteorology(means[i : i + 1]) for i, start in enumerate(starts)},
        dict(zip(starts, totals.select(pl.col(numbers).cast(pl.Int64)).iter_rows(), strict=True)),
        expected,
    )
