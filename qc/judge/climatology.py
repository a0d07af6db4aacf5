"""Limits by month and hour are learnt from what a station has measured."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from core.progress import Progress
from core.store import Store
from qc.codes import GOOD
from qc.judge.period import read_rules
from qc.judge.rules import rules_of
from qc.slow.climatology import learn_climatology

SLICE = timedelta(days=10)
THIN_NS = 600 * 10**9
"""One reading in so long is enough for limits by the hour, and bounds memory. [ns]"""


def learn(store: Store, station: str, stream: str, start: datetime, end: datetime, progress: Progress) -> list[str]:
    """Learn from the readings of [start, end) that are good by the other checks; return the channels that have limits.

    The whole stream is judged again by them. Without a channel that wants them (`qc.climatology`) nothing is done.

    Raises
    ------
    UnknownStation, StoreError
        The station, or a stream of readings of that name, is not registered.
    """
    learnt = []
    for rules in read_rules(store, station, stream):
        plain = rules_of(rules.stream, rules.station)
        if not plain.limits.climatological.any():
            continue
        times, values, begin = [], [], start
        while begin < end:
            stop = min(begin + SLICE, end)
            progress(f"{station}/{stream}: learning", (begin - start) / (end - start), 1)
            with store.judgements.reading() as work:
                read = work.read(rules.stream, begin, stop - timedelta(microseconds=1))
            if len(read.time_ns):
                judged = plain.judge(read.time_ns, read.values)
                _, first = np.unique(read.time_ns // THIN_NS, return_index=True)
                times.append(read.time_ns[first])
                values.append(np.where(judged.flags == GOOD, read.values, np.nan)[first])
            begin = stop
        if times:
            offset = rules.station.station.utc_offset
            limits = learn_climatology(np.concatenate(times), np.concatenate(values), offset)
            store.judgements.put_climatology(rules.stream.key, start, end, limits)
            used = np.isfinite(limits).any(axis=(1, 2)) & plain.limits.climatological
            learnt += [name for name, has in zip(rules.stream.channels, used, strict=True) if has]
    return learnt
