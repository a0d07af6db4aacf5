"""`fluxtower qc`: the readings of a station judged over a period, and what came of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from core.errors import ConfigError
from core.progress import Progress, no_progress, part_of
from core.store import FindingRow, FlagCount, Store
from qc.codes import FLAGS
from qc.judge import Examiner, JudgedPeriod, judge_period, judge_requested, read_rules
from qc.judge.climatology import learn

DIGEST_SPAN = timedelta(days=10)
"""Readings of so long are in memory at once."""


@dataclass(slots=True)
class StreamQuality:
    """What was judged of a stream.

    Attributes
    ----------
    judged : JudgedPeriod
    flags : dict
        Channel -> word of a flag -> number of values.
    checks : dict
        Channel -> check -> number of values of which it says something.
    """

    judged: JudgedPeriod
    flags: dict[str, dict[str, int]] = field(default_factory=dict)
    checks: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(slots=True)
class StationQuality:
    """What was judged of a station in a period.

    Attributes
    ----------
    streams : dict of str to StreamQuality
    findings : list of FindingRow
        In force about readings of the period.
    sha256 : str
        Of all flags and reasons: equal where all of them are.
    """

    station: str
    start: datetime
    end: datetime
    streams: dict[str, StreamQuality]
    findings: list[FindingRow]
    sha256: str


def learn_limits(store: Store, station: str, start: datetime, end: datetime, progress: Progress = no_progress) -> str:
    """Learn the climatological limits of a station's channels that want them; return in words what was learnt.

    Raises
    ------
    ConfigError
        No channel wants them, or the period has too few readings.
    UnknownStation, StoreError
        It is not registered, or the store is away.
    """
    store.stations.read(station)
    names = dict.fromkeys(one.name for one in store.stations.read_streams(station) if one.kind == "reading")
    found = [f"{name} {one}" for name in names for one in learn(store, station, name, start, end, progress)]
    if not found:
        wanted = "a channel with qc = { climatology = true }, and 20 days of a month and hour"
        raise ConfigError("command line", "--learn", wanted, "none")
    return f"learnt limits by month and hour: {', '.join(found)}; all their readings are judged by them"


def judge_station(
    store: Store, station: str, start: datetime, end: datetime, progress: Progress = no_progress
) -> StationQuality:
    """Judge all readings of a station in [start, end) as they are judged live, and look at their windows.

    Raises
    ------
    ConfigError
        An empty period, or a station without readings.
    UnknownStation, StoreError
        It is not registered, or the store is away.
    """
    if not start < end:
        raise ConfigError("command line", "--from, --to", "a begin before the end", f"{start} to {end}")
    row = store.stations.read(station)
    names = list(dict.fromkeys(one.name for one in store.stations.read_streams(station) if one.kind == "reading"))
    if not names:
        raise ConfigError(row.station.id, "stream", "a stream of readings", "none")
    streams = {
        name: StreamQuality(judge_period(store, station, name, start, end, part_of(progress, i, len(names))))
        for i, name in enumerate(names)
    }
    Examiner(store).examine_period(station, start, end, datetime.now(UTC), progress)
    judge_requested(store, [rules for name in names for rules in read_rules(store, station, name)], progress)
    for name, one in streams.items():
        _count(one, store.judgements.count(station, name, start, end))
    findings = store.findings.find(station, start, end)
    return StationQuality(station, start, end, streams, findings, _digest(store, station, names, start, end))


def write_report(quality: StationQuality, path: Path) -> None:
    """Write what was judged as JSON."""
    report = {
        "station": quality.station,
        "from": quality.start,
        "to": quality.end,
        "streams": {name: asdict(one) for name, one in quality.streams.items()},
        "findings": [describe_finding(one) for one in quality.findings],
        "sha256": quality.sha256,
    }
    path.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z))


def describe_finding(finding: FindingRow) -> dict[str, object]:
    """Return a finding as JSON has it."""
    return {
        "check": finding.check_name,
        "stream": finding.stream_name,
        "channel": finding.channel,
        "from": finding.starts,
        "to": finding.ends,
        "flag": finding.flag,
        "reason": finding.reason,
        "data": finding.data,
    }


def _count(quality: StreamQuality, counts: Sequence[FlagCount]) -> None:
    for one in counts:
        if one.check_name is None:
            flags = quality.flags.setdefault(one.channel, {})
            flags[FLAGS[one.flag]] = one.readings
        else:
            checks = quality.checks.setdefault(one.channel, {})
            checks[one.check_name] = checks.get(one.check_name, 0) + one.readings


def _digest(store: Store, station: str, streams: Sequence[str], start: datetime, end: datetime) -> str:
    digest = hashlib.sha256()
    for name in streams:
        for begin, stop in _slices(start, end):
            table = store.readings.read(station, name, begin, stop).select("time", "flags", "reasons")
            for time, flags, reasons in table.iter_rows():
                digest.update(orjson.dumps([name, time, flags, reasons]))
    return digest.hexdigest()


def _slices(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    while start < end:
        stop = min(start + DIGEST_SPAN, end)
        yield start, stop
        start = stop
