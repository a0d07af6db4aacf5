"""Stamps of half-hourly tables that are off, swapped or of another time."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

from benchmarks.made_up_tables import Sheet
from benchmarks.planting import Mistakes, Plant, Planted

STAMP_WORDS = ("TIMESTAMP", "against the sun", "stamps", "date, time", "DATE/TIME", "Year, DoY", "intervals of")
"""One of them is in what is told of wrong stamps."""

MISTAKES: Mistakes = {}
"""Kind -> mistakes."""


def _plant(kind: str, name: str, plant: Plant) -> None:
    MISTAKES.setdefault(kind, {})[name] = plant


def _fluxnet_stamps(sheet: Sheet) -> bool:
    return sheet.maker not in ("EddyPro", "EddyPro biomet", "REddyProc", "Heihe")


def _stamps(
    change: Callable[[Sheet, random.Random], None], *, both: bool = True, words: tuple[str, ...] = STAMP_WORDS
) -> Plant:
    def plant(sheet: Sheet, dice: random.Random) -> Planted | None:
        if not both and not _fluxnet_stamps(sheet):
            return None
        change(sheet, dice)
        if sheet.second is not None:
            sheet.second.starts, sheet.second.ends = sheet.starts, sheet.ends
        return Planted(words)

    return plant


def _swap(sheet: Sheet, _dice: random.Random) -> None:
    sheet.starts, sheet.ends = sheet.ends, sheet.starts


def _same(sheet: Sheet, dice: random.Random) -> None:
    if dice.random() < 0.5:
        sheet.starts = sheet.ends
    else:
        sheet.ends = sheet.starts


def _shifted(minutes: Callable[[Sheet, random.Random], float]) -> Callable[[Sheet, random.Random], None]:
    def change(sheet: Sheet, dice: random.Random) -> None:
        late = timedelta(minutes=minutes(sheet, dice))
        sheet.starts = [start + late for start in sheet.starts]
        sheet.ends = [end + late for end in sheet.ends]

    return change


def _summer_time(sheet: Sheet, _dice: random.Random) -> None:
    half = len(sheet.starts) // 2
    hour = timedelta(hours=1)
    sheet.starts = [start + hour * (i >= half) for i, start in enumerate(sheet.starts)]
    sheet.ends = [end + hour * (i >= half) for i, end in enumerate(sheet.ends)]


def _other_year(sheet: Sheet, dice: random.Random) -> None:
    row = dice.randrange(50, len(sheet.starts) - 50)
    years = timedelta(days=dice.choice((-3652, -365, 365, 3652)))
    sheet.starts = [start + years * (i == row) for i, start in enumerate(sheet.starts)]
    sheet.ends = [end + years * (i == row) for i, end in enumerate(sheet.ends)]


_plant(
    "stamps",
    "an hour late from the middle on",
    _stamps(_summer_time, words=("intervals are missing", "against the sun")),
)
_plant("stamps", "another year in one row", _stamps(_other_year, words=("intervals are missing",)))
_plant("stamps", "START and END swapped", _stamps(_swap, both=False))
_plant("stamps", "START and END the same", _stamps(_same, both=False))
_plant("stamps", "of the middle", _stamps(_shifted(lambda sheet, _: sheet.site.minutes / 2)))
_plant("stamps", "a step late", _stamps(_shifted(lambda sheet, _: sheet.site.minutes)))
_plant("stamps", "a step early", _stamps(_shifted(lambda sheet, _: -sheet.site.minutes)))
_plant("stamps", "an hour off", _stamps(_shifted(lambda _, dice: dice.choice((-60, 60)))))
_plant("stamps", "hours off, as of UTC", _stamps(_shifted(lambda _, dice: dice.choice((-8, -6, -3, -2, 2, 5, 8)) * 60)))
_plant("stamps", "12 minutes off", _stamps(_shifted(lambda _, dice: dice.choice((-12, 7)))))


def _long(sheet: Sheet, _dice: random.Random) -> None:
    sheet.ends = [end + (end - start) for start, end in zip(sheet.starts, sheet.ends, strict=True)]


def _repeated_day(sheet: Sheet, dice: random.Random) -> None:
    per_day = 1440 // sheet.site.minutes
    row = per_day * dice.randrange(2, len(sheet.starts) // per_day - 2)
    day = timedelta(days=1)
    sheet.starts = [start - day * (i >= row) for i, start in enumerate(sheet.starts)]
    sheet.ends = [end - day * (i >= row) for i, end in enumerate(sheet.ends)]


_plant("stamps", "END a step too late", _stamps(_long, both=False))
_plant(
    "stamps",
    "a day late from a day on",
    _stamps(_repeated_day, words=("comes again", "come again", "more such lines")),
)
