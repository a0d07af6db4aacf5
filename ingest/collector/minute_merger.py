"""What a collector of many towers does beside committing: merge parts of minutes, write newest values."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta

from core.errors import StoreError
from core.store import Store

TICK_SECONDS = 1.0
"""How often it is looked whether there is something to do. [s]"""
LATEST_SECONDS = 5.0
"""Newest values of many streams wait so long. [s]"""
PORTIONS = 40
"""The parts of a minute are merged in so many portions: all at once would hold up the commits."""
MIN_PORTION_ROWS = 32
"""A portion has at least so many rows."""
SETTLE_TIME = timedelta(seconds=3)
"""So long after a minute's end its parts are merged: most of its messages have come."""

log = logging.getLogger(__name__)


class MinuteMerger:
    """A thread that keeps what is derived from samples up to date; a context manager.

    While the store is away it waits: everything that it merges is in the store, and right there, merged or not.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._merge_until_stopped, name="minute-merger")

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _merge_until_stopped(self) -> None:
        begun = ""  # minute for which the portion was chosen; what an earlier collector left comes first
        portion = 0
        away = False
        while not self._stop.wait(TICK_SECONDS):
            minute = f"{datetime.now(UTC) - SETTLE_TIME:%H:%M}"
            try:
                self._store.latest.write(LATEST_SECONDS)
                if minute != begun:
                    portion = max(MIN_PORTION_ROWS, -(-self._store.minutes.count_parts() // PORTIONS))
                    begun = minute
                if portion and self._store.minutes.merge_parts(most=portion) < portion:
                    portion = 0
                away = False
            except StoreError as error:
                away = True
                log.warning("minutes are not merged yet, which is done when the store is back: %s", error)
        if away:
            return
        try:
            self._store.latest.write()
            self._store.minutes.merge_parts(datetime.max.replace(tzinfo=UTC))
        except StoreError as error:
            log.warning("minutes are left for the next collector to merge: %s", error)
