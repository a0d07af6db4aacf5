"""The windows of the calendar in which checks look at a reading."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from core.clock import EPOCH
from core.store import Judging, Window, touch_windows
from qc.judge.examinations import DAY, EXAMINATIONS
from qc.judge.neighbours import BUDDY
from qc.judge.rules import StreamRules
from qc.slow.finding import DAY_NS


def touch(work: Judging, rules: StreamRules, time_ns: NDArray[np.int64]) -> None:
    """Note that readings of these times came or changed: the windows that look at them are due."""
    days = np.unique(time_ns // DAY_NS).tolist()
    touch_windows(work.connection, sorted(set(windows_of(rules.stream.station_key, days)), key=_order))


def windows_of(station: int, days: Iterable[int]) -> Iterable[Window]:
    """Give the windows in which checks look at days (counted from 1970) of a station."""
    for day in days:
        for one in EXAMINATIONS:
            for number in one.windows_of(day):
                start = one.start(number)
                yield Window(station, one.check, start, one.period(start)[1])
        start = EPOCH + day * DAY
        yield Window(station, BUDDY, start, start + DAY)


def _order(window: Window) -> tuple[int, str, datetime]:
    return window.station, window.check_name, window.start
