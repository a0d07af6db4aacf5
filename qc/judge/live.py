"""Readings are judged as they come: many streams at once, each with its newest readings in memory."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from core.clock import NS, from_ns
from core.errors import StoreError
from core.store import FlagRows, Judging, NewReading, Reasons, Store
from qc.judge.rule_book import RuleBook
from qc.judge.rules import StreamRules
from qc.judge.stretch import MICROSECOND, READINGS_PER_PART, Part, judge_part
from qc.slow.judging import Judge, Judged

LIVE_SPAN = timedelta(minutes=10)
"""Readings of so long ago are judged first; older ones, as of a backfill, between them, a part at a time."""
FAR_FUTURE_NS = 2**62
NEW_AT_ONCE = 10_000
MAX_APART = timedelta(hours=1)
"""Old readings further apart are judged apart."""
MARGIN_NS = 600 * NS
"""How much more is read of a stream than two look-backs: the one before the newest has its own past. [ns]"""

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
        since = {rules.stream.key: some[0].time_ns - 2 * rules.look_back_ns - MARGIN_NS for rules, some in missing}
        found = work.read_tails(
            [
                (rules.stream.station_key, rules.stream.key, since[rules.stream.key], FAR_FUTURE_NS)
                for rules, _ in missing
            ]
        )
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
        return Fresh(rules, own, rules.explain(own))

    def _judge_from_store(self, work: Judging, rules: StreamRules, new: Sequence[NewReading]) -> None:
        self._followers.pop(rules.stream.key, None)
        judge_part(work, rules, from_ns(new[0].time_ns), from_ns(new[-1].time_ns))

    def _judge_unflagged(self, work: Judging) -> int:
        done = 0
        before = datetime.now(UTC) - LIVE_SPAN
        for one in work.find_unflagged(before, READINGS_PER_PART, MAX_APART, tuple(self._book.given_up)):
            rules = self._book.find(one.stream)
            if rules is None:
                continue  # registered just now
            with self._giving_up(one.stream):
                self._followers.pop(one.stream, None)
                done += judge_part(work, rules, one.start, one.end).readings
        return done

    def _judge_requested(self, work: Judging) -> int:
        for one in work.read_requests(1):
            rules = self._book.find(one.stream)
            part = Part()
            if rules is not None and one.starts < one.ends:
                with self._giving_up(one.stream):
                    part = judge_part(work, rules, one.starts, one.ends - MICROSECOND)
            if part.rest is None:
                work.end_requests([one.id])
            else:
                work.shorten_request(one, part.rest)
            return max(part.readings, 1)
        return 0


def _join(streams: Sequence[Fresh]) -> FlagRows:
    counts = [len(one.judged.times_ns) for one in streams]
    return FlagRows(
        np.repeat([one.rules.stream.station_key for one in streams], counts).astype(np.int32),
        np.repeat([one.rules.stream.key for one in streams], counts).astype(np.int32),
        np.concatenate([one.judged.times_ns for one in streams]),
        np.concatenate([one.judged.flags for one in streams]),
        [reasons for one in streams for reasons in one.reasons],
    )
