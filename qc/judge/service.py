"""`fluxtower judge`: woken by the commit of readings, it gives them flags; between them, what is old or asked for.

Beside that, windows of the calendar are looked at, and mole fractions are made of what analysers send.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime

from core.errors import StoreError, StoreUnavailable
from core.settings import Settings
from core.store import ReadingNotices, Store
from qc.judge.examiner import Examiner
from qc.judge.live import LiveJudge
from qc.making import make_as_they_come

PAUSE_SECONDS = 0.2
"""Least time between two looks at what is new: commits of it are judged together. [s]"""
LOOK_SECONDS = 1.0
"""A look also without a notice: one may be lost with its connection. [s]"""
OLD_SECONDS = 1.0
"""Time between two looks at what else waits, while nothing does. [s]"""
REFRESH_SECONDS = 10.0
"""Time between two looks at the station files. [s]"""
EXAMINE_SECONDS = 10.0
"""Time between two looks at windows of the calendar, while none is due. [s]"""
RETRY_SECONDS = 1.0

log = logging.getLogger(__name__)


def run_judge(settings: Settings, stop: threading.Event) -> None:
    """Judge readings until ``stop`` is set; a database that goes away is waited for."""
    with Store(settings.store_dsn) as store:
        beside = [
            threading.Thread(target=_examine, args=(settings, stop), name="examiner"),
            threading.Thread(target=_make, args=(settings, stop), name="mole fractions"),
        ]
        for one in beside:
            one.start()
        try:
            _judge(settings, store, stop)
        finally:
            stop.set()
            for one in beside:
                one.join()


def _examine(settings: Settings, stop: threading.Event) -> None:
    """Look at windows of the calendar as they are complete, beside the readings that come."""
    with Store(settings.store_dsn, pool_size=2) as store:
        examiner = Examiner(store)
        while not stop.is_set():
            try:
                if not examiner.examine_due(datetime.now(UTC)):
                    stop.wait(EXAMINE_SECONDS)
            except StoreError as error:
                log.warning("windows of the calendar wait: %s", error)
                stop.wait(EXAMINE_SECONDS)


def _make(settings: Settings, stop: threading.Event) -> None:
    """Make mole fractions of what analysers send, beside the readings that come."""
    with Store(settings.store_dsn, pool_size=2) as store:
        make_as_they_come(store, stop)


def _judge(settings: Settings, store: Store, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            store.wait(5.0)
            with ReadingNotices(settings.store_dsn) as notices:
                _work(store, notices, stop)
        except StoreUnavailable as error:
            log.warning("the database is away: %s", error)
            stop.wait(RETRY_SECONDS)
        except StoreError as error:
            log.error("%s", error)
            stop.wait(RETRY_SECONDS)


def _work(store: Store, notices: ReadingNotices, stop: threading.Event) -> None:
    judge = LiveJudge(store)
    judge.refresh()
    refreshed = old = time.monotonic() - OLD_SECONDS
    is_busy = True
    while not stop.is_set():
        began = time.monotonic()
        judge.judge_new()
        if is_busy or time.monotonic() - old >= OLD_SECONDS:
            is_busy = judge.judge_old() > 0
            old = time.monotonic()
        if time.monotonic() - refreshed >= REFRESH_SECONDS:
            judge.refresh()
            refreshed = time.monotonic()
        if not is_busy:
            stop.wait(max(0.0, PAUSE_SECONDS - (time.monotonic() - began)))
            notices.wait(LOOK_SECONDS)
