"""Readings are judged as they come: many streams at once, each with its newest readings in memory."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from core.clock import from_ns
from core.errors import StoreError
from core.store import FlagRows, Judging, NewReading, Reasons, Store
from qc.judge.rule_book import RuleBook
from qc.judge.rules import StreamRules
from qc.judge.stretch import READINGS_PER_PART, Part, judge_part, judge_request
from qc.judge.windows import touch
from qc.slow.finding import DAY_NS
from qc.slow.judging import Judge, Judged

LIVE_SPAN = timedelta(minutes=10)
"""Readings of so long ago are judged first; older ones, as of a backfill, between them, a part at a time."""
FAR_FUTURE_NS = 2**62
NEW_AT_ONCE = 10_000
OLD_SECONDS = 0.5
"""Old readings are judged for so long, and a stretch more, until new ones have their turn. [s]"""
MAX_APART = timedelta(hours=1)
"""Old readings further apart are judged apart."""
MARGIN_INTERVALS = 10
"""How many more are read of a stream than new readings look back on: the one before them has a past of its own."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Follower:
    """What judges the readings of a stream as they come, and how the newest one is judged."""

    judge: Judge
    last_ns: int
    checks: NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Fresh:
    """New readings of a stream, judged."""

    rules: StreamRules
    received_ns: NDArray[np.int64]
    judged: Judged
    reasons: list[Reasons | None]


class LiveJudge:
    """Judges what comes.

    Parameters
    ----------
    store : Store
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._book = RuleBook(store)
        self._followers: dict[int, Follower] = {}
        self._heard = 0  # of requests, by their ids
        self._today = 0
        self._touched: set[int] = set()  # streams whose windows of today are due

    def refresh(self) -> None:
        """Read station files that are new or have changed."""
        for stream in self._book.refresh():
            self._followers.pop(stream, None)

    def judge_new(self) -> int:
        """Judge the readings of the last minutes that have no flags; return how many there were.

        Raises
        ------
        StoreError
            Nothing was stored; the next call begins with what the store has.
        """
        try:
            with self._store.judgements.working() as work:
                self._hear_of_others(work)
                new = work.find_new(datetime.now(UTC) - LIVE_SPAN, NEW_AT_ONCE, tuple(self._book.given_up))
                self._judge(work, new)
        except BaseException:
            self._followers.clear()  # they are ahead of the store
            self._touched.clear()
            raise
        return len(new)

    def judge_old(self) -> int:
        """Judge a part of what else waits: old readings without flags, then what is asked for; return how many."""
        with self._store.judgements.working() as work:
            done = self._judge_unflagged(work)
            return done + self._judge_requested(work)

    def _hear_of_others(self, work: Judging) -> None:
        """Forget the newest readings of streams that another process has judged, or that people have corrected."""
        requests = work.read_requests_after(self._heard)
        for one in requests:
            self._followers.pop(one.stream, None)
            self._heard = max(self._heard, one.id)
        work.end_requests([one.id for one in requests if one.starts >= one.ends])

    def _judge(self, work: Judging, new: Sequence[NewReading]) -> None:
        groups: dict[int, list[NewReading]] = defaultdict(list)
        for one in new:
            groups[one.stream].append(one)
        if any(self._book.find(stream) is None for stream in groups):
            self.refresh()
        known = {stream: rules for stream in groups if (rules := self._book.find(stream)) is not None}
        self._follow(work, [(rules, groups[stream]) for stream, rules in known.items()])
        rows: dict[int, list[Fresh]] = defaultdict(list)
        for stream, rules in known.items():
            with self._giving_up(stream):
                fresh = self._extend(rules, groups[stream])
                if fresh is None:
                    self._judge_from_store(work, rules, groups[stream])
                else:
                    rows[len(rules.stream.channels)].append(fresh)
        work.put([_join(some) for some in rows.values()])
        self._touch(work, [fresh for some in rows.values() for fresh in some])

    def _touch(self, work: Judging, fresh: Sequence[Fresh]) -> None:
        """Make the windows of new readings due, those of today once: they cannot have been looked at before its end."""
        today = time.time_ns() // DAY_NS
        if today != self._today:
            self._today, self._touched = today, set()
        for one in fresh:
            days = np.unique(one.judged.times_ns // DAY_NS).tolist()
            key = one.rules.stream.key
            if days != [today] or key not in self._touched:
                touch(work, one.rules, one.judged.times_ns)
                self._touched.add(key)

    @contextmanager
    def _giving_up(self, stream: int) -> Iterator[None]:
        """Leave a stream alone whose readings cannot be judged, for whatever reason; the work on others goes on."""
        try:
            yield
        except StoreError:
            raise
        except Exception:
            log.exception("readings of stream %s are not judged until its station file changes", stream)
            self._followers.pop(stream, None)
            self._book.give_up(stream)

    def _follow(self, work: Judging, groups: Sequence[tuple[StreamRules, list[NewReading]]]) -> None:
        """Read the newest readings of streams of which none are in memory."""
        missing = [(rules, some) for rules, some in groups if rules.stream.key not in self._followers]
        since = {
            rules.stream.key: some[0].time_ns - rules.look_back_ns - MARGIN_INTERVALS * rules.stream.dt_ns
            for rules, some in missing
        }
        streams = [rules.stream for rules, _ in missing]
        found = work.read_tails([(one.station_key, one.key, since[one.key], FAR_FUTURE_NS) for one in streams])
        for rules, some in missing:
            key = rules.stream.key
            time_ns, values = found[key]
            known = ~np.isin(time_ns, [one.time_ns for one in some])
            time_ns, values = time_ns[known], values[known]
            if not len(time_ns):
                continue
            judged = rules.judge(time_ns, values)
            self._followers[key] = Follower(
                rules.follow(time_ns, values, since[key]), int(time_ns[-1]), judged.checks[-1]
            )

    def _extend(self, rules: StreamRules, new: Sequence[NewReading]) -> Fresh | None:
        """Judge readings that follow those in memory; None if they do not, or if more than their own flags change."""
        follower = self._followers.get(rules.stream.key)
        if follower is None or new[0].time_ns <= follower.last_ns or any(one.found for one in new):
            return None
        time_ns = np.array([one.time_ns for one in new], np.int64)
        if not follower.judge.reaches(int(time_ns[0])):
            return None
        judged = follower.judge.add(time_ns, np.array([one.values for one in new], np.float64))
        if not (judged.checks[0] == follower.checks).all():
            return None  # the one before is judged otherwise, now that its next one is known
        follower.last_ns, follower.checks = int(time_ns[-1]), judged.checks[-1]
        own = Judged(judged.times_ns[1:], judged.values[1:], judged.flags[1:], judged.checks[1:])
        received_ns = np.array([one.received_ns for one in new], np.int64)
        return Fresh(rules, received_ns, own, rules.explain(own))

    def _judge_from_store(self, work: Judging, rules: StreamRules, new: Sequence[NewReading]) -> None:
        self._followers.pop(rules.stream.key, None)
        judge_part(work, rules, from_ns(new[0].time_ns), from_ns(new[-1].time_ns))

    def _judge_unflagged(self, work: Judging) -> int:
        done, began = 0, time.monotonic()
        before = datetime.now(UTC) - LIVE_SPAN
        for one in work.find_unflagged(before, READINGS_PER_PART, MAX_APART, tuple(self._book.given_up)):
            rules = self._book.find(one.stream)
            if rules is None:
                continue  # registered just now
            with self._giving_up(one.stream):
                self._followers.pop(one.stream, None)
                done += judge_part(work, rules, one.start, one.end).readings
            if time.monotonic() - began > OLD_SECONDS:
                break
        return done

    def _judge_requested(self, work: Judging) -> int:
        for one in work.read_requests(1):
            rules = self._book.find(one.stream)
            part: Part | None = None
            if rules is not None:
                with self._giving_up(one.stream):
                    part = judge_request(work, rules, one)
            if part is None:
                work.end_requests([one.id])
            return max(part.readings, 1) if part else 1
        return 0


def _join(streams: Sequence[Fresh]) -> FlagRows:
    counts = [len(one.judged.times_ns) for one in streams]
    return FlagRows(
        np.repeat([one.rules.stream.station_key for one in streams], counts).astype(np.int32),
        np.repeat([one.rules.stream.key for one in streams], counts).astype(np.int32),
        np.concatenate([one.judged.times_ns for one in streams]),
        np.concatenate([one.received_ns for one in streams]),
        np.concatenate([one.judged.flags for one in streams]),
        [reasons for one in streams for reasons in one.reasons],
    )
