"""Readings of a period judged now: all of them, or those that have no flags yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.progress import Progress, no_progress
from core.store import Store
from qc.judge.rules import StreamRules, rules_of
from qc.judge.stretch import MICROSECOND, READINGS_PER_PART, judge_part, judge_request


@dataclass(slots=True)
class JudgedPeriod:
    """What was judged: readings, those with other flags or reasons than before, half-hours that are due again."""

    readings: int = 0
    changed: int = 0
    due: int = 0


def read_rules(store: Store, station: str, stream: str) -> list[StreamRules]:
    """Return the rules for every layout of a stream of readings.

    Raises
    ------
    UnknownStation, StoreError
        The station, or a stream of readings of that name, is not registered.
    """
    row = store.stations.read(station)
    layouts = store.stations.read_layouts(station, stream, "reading")
    learnt = store.judgements.read_climatologies([one.key for one in layouts])
    return [rules_of(one, row.station, learnt.get(one.key, (None, None))[1]) for one in layouts]


def judge_period(
    store: Store, station: str, stream: str, start: datetime, end: datetime, progress: Progress = no_progress
) -> JudgedPeriod:
    """Judge all readings of [start, end), be they judged or not; memory does not grow with the period.

    Raises
    ------
    UnknownStation, StoreError
        The station, or a stream of readings of that name, is not registered.
    """
    done = JudgedPeriod()
    layouts = read_rules(store, station, stream)
    whole = (end - start).total_seconds()
    for number, rules in enumerate(layouts):
        begin: datetime | None = start
        while begin is not None and begin < end:
            passed = (begin - start).total_seconds() / whole
            progress(f"{station}/{stream}", number + passed, len(layouts))
            with store.judgements.working() as work:
                part = judge_part(work, rules, begin, end - MICROSECOND)
                work.request([rules.stream.key], begin, begin)
            done.readings += part.readings
            done.changed += part.changed
            done.due += part.due
            begin = part.rest
    progress(f"{station}/{stream}", len(layouts), len(layouts))
    return done


def judge_requested(store: Store, rules: Sequence[StreamRules], progress: Progress = no_progress) -> JudgedPeriod:
    """Judge what is asked for of some streams; memory does not grow with it."""
    done = JudgedPeriod()
    by_key = {one.stream.key: one for one in rules}
    while True:
        with store.judgements.working() as work:
            requests = [one for one in work.read_requests(100, list(by_key)) if one.starts < one.ends][:1]
            for one in requests:
                part = judge_request(work, by_key[one.stream], one)
                work.request([one.stream], one.starts, one.starts)
                done.changed += part.changed
                done.due += part.due
        if not requests:
            return done
        progress("readings of findings", done.changed, done.changed + 1)


def judge_missing(store: Store, station: str, stream: str, start: datetime, end: datetime) -> None:
    """Judge the readings of [start, end) that have no flags; errors as of ``judge_period``."""
    layouts = read_rules(store, station, stream)
    by_key = {rules.stream.key: rules for rules in layouts}
    longest = timedelta(microseconds=max(rules.look_back_ns for rules in layouts) // 1000)
    rows = [rules.stream for rules in layouts]
    while True:
        with store.judgements.working() as work:
            stretches = work.find_unflagged_of(rows, start, end, READINGS_PER_PART, longest)
            for one in stretches:
                judge_part(work, by_key[one.stream], one.start, one.end)
            if not stretches:
                return
            work.request(sorted({one.stream for one in stretches}), start, start)
