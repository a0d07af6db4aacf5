"""Slow meteorology out of files: means of half-hours, as the worker takes them from the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from core.clock import NS, from_ns, to_ns
from core.errors import PayloadError
from core.station import Station
from fluxcalc.halfhour.flux.meteorology import (
    SUMMED_VARIABLES,
    WEATHER_VARIABLES,
    meteorology_of,
    trusted_readings,
    weather,
)
from fluxcalc.halfhour.flux.profile import join_levels, sort_levels
from fluxcalc.halfhour.interval import Meteorology, flux_of
from ingest.files.account import FileAccount, Placed
from ingest.files.examination import choose_spans, examine
from ingest.files.raw import read_records
from ingest.files.records import JITTER_NS, Records, Report, Span
from qc.limits import flag_limits

SLOW_VARIABLES = ("TA", "RH", "PA")


@dataclass(frozen=True, slots=True)
class IntervalMeteorology:
    """Means of slow sensors.

    Attributes
    ----------
    means : mapping of datetime to Meteorology
        Start of an interval (UTC) -> its means; intervals without a reading are not in it.
    counts : mapping of datetime to tuple of int
        Start -> readings of ``SLOW_VARIABLES``.
    expected : float
        Readings that an interval should have.
    accounts : mapping of Path to FileAccount
        What became of each file's readings.
    """

    means: Mapping[datetime, Meteorology]
    counts: Mapping[datetime, tuple[int, ...]]
    expected: float
    accounts: Mapping[Path, FileAccount] = field(default_factory=dict)

    def explain(self, starts: Sequence[datetime]) -> str:
        """Say in words how many of some intervals have a mean, and how many of these lack some of their readings."""
        parts = []
        for i, name in enumerate(SLOW_VARIABLES):
            counts = [self.counts[start][i] for start in starts if start in self.counts]
            covered = sum(count > 0 for count in counts)
            partly = sum(0 < count < self.expected - 0.5 for count in counts)
            parts.append(f"{name} in {covered or 'none'}" + (f" ({partly} not wholly)" if partly else ""))
        return f"meteorology of {len(starts)} intervals: " + ", ".join(parts)


NO_METEOROLOGY = IntervalMeteorology({}, {}, 1.0)


def read_meteorology(
    files: Sequence[Path], station: Station, begin: datetime, end: datetime, report: Report
) -> IntervalMeteorology:
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
    length = flux.averaging_minutes * 60 * NS
    first, last = to_ns(begin), to_ns(end)
    names = (*WEATHER_VARIABLES, *_levels(station))
    found = [examine(file, station, stream, first, last) for file in files]
    spans = sorted(choose_spans(found, windowed=True), key=lambda one: one.start_ns)
    for one in found:
        for problem in one.problems:
            report(problem)
    accounts = [one.account for one in found]
    numbers = {one.path: number for number, one in enumerate(found)}
    pending = pl.DataFrame(schema={"time": pl.Int64, **dict.fromkeys(names, pl.Float64), "file": pl.Int64})
    sums = [_sums(pending, station, accounts)]
    reaching = [span for span in spans if span.start_ns < last and span.end_ns > first]
    for i, span in enumerate(reaching):
        following = reaching[i + 1].start_ns if i + 1 < len(reaching) else last
        for records in _records_of(span, station, stream, first, report):
            readings = _readings(records, station, stream).with_columns(pl.lit(numbers[span.path]).alias("file"))
            pending = pl.concat(
                [pending, readings.filter(pl.col("time").is_between(first, last, closed="left"))],
                how="vertical_relaxed",
            )
            # nothing that comes later, in this file or in another one, belongs to an interval that is over by then
            over = min(int(records.starts[-1]) - JITTER_NS, following) // length * length
            sums.append(_sums(pending.filter(pl.col("time") < over), station, accounts))
            pending = pending.filter(pl.col("time") >= over)
    totals = pl.concat([*sums, _sums(pending, station, accounts)]).group_by("start", maintain_order=True).sum()
    return replace(_average(totals, station), accounts={one.path: one.account for one in found})


def _records_of(span: Span, station: Station, stream: str, begin: int, report: Report) -> Iterator[Records]:
    """Read a file piece by piece; where it cannot be read further, what came before counts."""
    try:
        for piece in read_records(span, station, stream, begin, lambda _: None):
            if len((records := span.select(piece)).starts):
                yield records
    except PayloadError as error:
        report(str(error))


def _readings(records: Records, station: Station, stream: str) -> pl.DataFrame:
    """Bring raw readings into the units of ``weather``; what cannot be trusted is null."""
    declared = station.streams[stream]
    variables, units = zip(*((one.variable, one.unit) for one in declared.channels), strict=True)
    flags = flag_limits(records.values.T, variables, units)
    raw = dict(zip(declared.channel_index, records.values, strict=True))
    frame = pl.DataFrame({"time": records.starts, **raw, "flags": pl.Series(flags).arr.to_list()})
    means = weather(frame, declared).select(pl.col("start").alias("time"), *WEATHER_VARIABLES)
    columns = {level: declared.channel_index[name] for level, name in _levels(station).items()}
    levels = (trusted_readings(declared.channels[column], column).alias(level) for level, column in columns.items())
    return means.hstack(frame.select(*levels))


def _levels(station: Station) -> dict[str, str]:
    """Return column -> channel of the profile's levels, if they are in the stream of the meteorology."""
    flux = flux_of(station)
    if flux.profile is None or flux.profile.stream != flux.meteorology:
        return {}
    return {f"level {name}": name for name in flux.profile.heights}


def _sums(readings: pl.DataFrame, station: Station, accounts: Sequence[FileAccount]) -> pl.DataFrame:
    """Return sum and number of each variable by the start of its interval; of levels only what is near its end.

    What became of the readings goes into the accounts of their files.
    """
    flux = flux_of(station)
    length = flux.averaging_minutes * 60 * NS
    near = 0 if flux.profile is None else length - round(flux.profile.seconds * NS)
    once = readings.unique([name for name in readings.columns if name != "file"], keep="first", maintain_order=True)
    agreed = once.filter(pl.col("time").is_unique())
    every, different, used = (dict(some["file"].value_counts().iter_rows()) for some in (readings, once, agreed))
    for number, count in every.items():
        kept, good = different.get(number, 0), used.get(number, 0)
        accounts[number].placed += Placed(good, count - kept, kept - good)
    late = pl.col("time") % length >= near
    wanted = {name: pl.col(name) for name in WEATHER_VARIABLES} | {
        name: pl.col(name).filter(late) for name in _levels(station)
    }
    return agreed.group_by((pl.col("time") // length * length).alias("start"), maintain_order=True).agg(
        *(one.sum().alias(name) for name, one in wanted.items()),
        *(one.count().alias(f"{name}_n") for name, one in wanted.items()),
    )


def _average(totals: pl.DataFrame, station: Station) -> IntervalMeteorology:
    flux = flux_of(station)
    names = (*WEATHER_VARIABLES, *_levels(station))
    # no reading makes no mean: nothing over nothing is NaN
    means = totals.select(
        "start",
        *(pl.when(pl.col(f"{name}_n") > 0).then(pl.col(name)) for name in SUMMED_VARIABLES),
        *(pl.col(name) / pl.col(f"{name}_n") for name in names if name not in SUMMED_VARIABLES),
    )
    starts = [from_ns(start) for start in totals["start"]]
    rows = means.select(WEATHER_VARIABLES).iter_rows(named=True)
    found = {start: meteorology_of(row) for start, row in zip(starts, rows, strict=True)}
    if flux.profile is not None and _levels(station):
        stream, length = station.streams[flux.profile.stream], timedelta(minutes=flux.averaging_minutes)
        rows = means.select(pl.col(level).alias(name) for level, name in _levels(station).items()).iter_rows(named=True)
        ends = {start: sort_levels(row, stream, flux.profile) for start, row in zip(starts, rows, strict=True)}
        for start, met in found.items():
            levels = join_levels(ends.get(start - length, {}), ends[start], stream, flux.profile)
            found[start] = replace(met, levels=levels)
    counts = totals.select(pl.col([f"{name}_n" for name in SLOW_VARIABLES]).cast(pl.Int64)).iter_rows()
    stream_ns = station.streams[flux.meteorology or ""].dt_ns
    return IntervalMeteorology(
        found, dict(zip(starts, counts, strict=True)), flux.averaging_minutes * 60 * NS / stream_ns
    )
