"""Readings of a stretch of time are judged as they are stored, and what is made of their flags becomes due again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from core.clock import to_ns
from core.store import FlagRows, JudgeRequest, Judging, StoredReadingsOfStretch, read_findings
from qc.codes import REFUSED_FLAGS
from qc.judge.flags import Statement, combine
from qc.judge.rules import StreamRules
from qc.judge.windows import touch

READINGS_PER_PART = 2_000
"""Most readings that are judged in one transaction: others wait for its end."""
MICROSECOND = timedelta(microseconds=1)


@dataclass(slots=True)
class Part:
    """What was judged of a stretch.

    Attributes
    ----------
    readings, changed : int
        How many were looked at, and how many have other flags or reasons than before.
    due : int
        Half-hours that are to be computed again.
    rest : datetime or None
        Where the rest of the stretch begins.
    time_ns : ndarray, shape (changed,), int64
        Of those that changed. [ns since 1970 UTC]
    """

    readings: int = 0
    changed: int = 0
    due: int = 0
    rest: datetime | None = None
    time_ns: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))


def judge_part(
    work: Judging,
    rules: StreamRules,
    start: datetime,
    end: datetime,
    statement: Statement | None = None,
    limit: int = READINGS_PER_PART,
    *,
    renews: bool = True,
) -> Part:
    """Judge what readings of [start, end] touch: themselves, the one before, and those that look back on them.

    Parameters
    ----------
    work : Judging
        A transaction of the store.
    rules : StreamRules
    start, end : datetime
        Of readings that came, went or changed, or that are judged by other rules.
    statement : Statement, optional
        What a person says just now.
    limit : int
        Most readings of the stretch that are judged now.
    renews : bool
        Whether the windows that look at these readings are looked at again; not where only a finding has come or gone.
    """
    stream = rules.stream
    part = rules.station.mole_fraction
    if renews and part is not None and part.stream == stream.name:
        work.request_mole_fractions(stream, start, end)
    look_back = timedelta(microseconds=rules.look_back_ns // 1000)
    rest = work.find_nth(stream, start, end + MICROSECOND, limit)
    first = work.find_before(stream, start) or start
    last = (end if rest is None else rest) + look_back
    after = work.find_after(stream, last) or last
    stored = work.read(stream, first - look_back, after)
    if not len(stored.time_ns):
        return Part()
    judged = rules.judge(stored.time_ns, stored.values)
    findings = read_findings(work.connection, stream, first, last)
    flags, reasons = combine(stream.channels, stored, judged.flags, rules.explain(judged), findings, statement)
    asked = (stored.time_ns >= to_ns(first)) & (stored.time_ns <= to_ns(last))
    changed = [
        i
        for i in np.flatnonzero(asked).tolist()
        if stored.flags[i] != flags[i].tolist() or stored.reasons[i] != reasons[i]
    ]
    rows = FlagRows(
        np.full(len(changed), stream.station_key, np.int32),
        np.full(len(changed), stream.key, np.int32),
        stored.time_ns[changed],
        stored.received_ns[changed],
        flags[changed],
        [reasons[i] for i in changed],
    )
    work.put([rows])
    if renews and changed:
        touch(work, rules, stored.time_ns[changed])
    due = _make_due(work, rules, stored, flags, changed)
    return Part(int(asked.sum()), len(changed), due, rest, stored.time_ns[changed])


def judge_request(work: Judging, rules: StreamRules, request: JudgeRequest) -> Part:
    """Judge as much of a request as goes in one transaction, and note what is done of it."""
    part = Part()
    if request.starts < request.ends:
        end = request.ends - MICROSECOND
        part = judge_part(work, rules, request.starts, end, renews=request.renews)
    if part.rest is None:
        work.end_requests([request.id])
    else:
        work.shorten_request(request, part.rest)
    return part


def _make_due(
    work: Judging, rules: StreamRules, stored: StoredReadingsOfStretch, flags: NDArray[np.int16], changed: list[int]
) -> int:
    """Make half-hours due again that used what is not used any more, or the other way round."""
    seconds = uses_of(rules)
    if seconds is None:
        return 0
    turned = [
        i for i in changed if (before := stored.flags[i]) is not None and _is_other_use(before, flags[i].tolist())
    ]
    return work.make_due(rules.stream, stored.time_ns[turned], seconds)


def _is_other_use(before: list[int], now: list[int]) -> bool:
    return any((a in REFUSED_FLAGS) != (b in REFUSED_FLAGS) for a, b in zip(before, now, strict=True))


def uses_of(rules: StreamRules) -> float | None:
    """Return how long before their begin half-hours use readings of a stream, None if they use none at all. [s]"""
    flux = rules.station.flux
    if flux is None:
        return None
    if flux.profile is not None and flux.profile.stream == rules.stream.name:
        return float(flux.profile.seconds)
    return 0.0 if flux.meteorology == rules.stream.name else None
