"""Give flags to all readings of a store, as `fluxtower judge` would."""

from __future__ import annotations

from core.store import Store
from qc.judge.live import LiveJudge


def judge_all(store: Store) -> None:
    judge = LiveJudge(store)
    judge.refresh()
    work_off(judge)


def work_off(judge: LiveJudge) -> None:
    """Judge until nothing waits."""
    while judge.judge_new() + judge.judge_old():
        pass
