"""Give flags to all readings of a store, as `fluxtower judge` would."""

from __future__ import annotations

from datetime import datetime

from core.store import Store
from qc.judge.examiner import Examiner
from qc.judge.live import LiveJudge


def judge_all(store: Store) -> None:
    judge = LiveJudge(store)
    judge.refresh()
    work_off(judge)


def work_off(judge: LiveJudge) -> None:
    """Judge until nothing waits."""
    while judge.judge_new() + judge.judge_old():
        pass


def judge_windows(store: Store, now: datetime) -> None:
    """Judge all, look at the windows that are complete, and judge what their findings are about."""
    judge = LiveJudge(store)
    judge.refresh()
    work_off(judge)
    while Examiner(store).examine_due(now, limit=100):
        work_off(judge)
