"""Damaged raw files: `python benchmarks/damage.py [--count 10000] [--seed 1] [--show]`.

Damages good files of every format at random, and reads them as `fluxtower process` does. Each value says of which
record and column it is, so what comes out is judged without the readers: `wrong` is a file of which a value stands at
another time than its record's stamp says, or in another column; `silent` one that lost an undamaged record without a
word in its account or problems, or whose account does not balance; `crashed` one that raised. Where bytes of a record
itself were changed into others that may be right, too, any value of that record is taken. Prints a table by damage
and format and, last, a line of JSON; the exit status is 1 unless all three are 0.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from benchmarks.damaged_files import Damaged, all_kinds, make_file  # noqa: E402
from benchmarks.good_files import COLUMNS, FIRST, FORMATS, SPAN, STEP_MS  # noqa: E402
from core.clock import to_ns  # noqa: E402
from core.progress import Progress, no_progress  # noqa: E402
from fluxtower.progress_bar import progress_bar  # noqa: E402
from ingest.files.account import FileAccount  # noqa: E402
from ingest.files.examination import choose_spans, examine  # noqa: E402
from ingest.files.gathering import gather, grid_starts  # noqa: E402

MINUTES = 1
MAX_INTERVALS = 100_000
"""More of them, gaps included, come of a clock that was wrong by years."""
MOST_FAULTS_SHOWN = 5
OUTCOMES = ("good", "silent", "wrong", "crashed")
STEP_NS = STEP_MS * 10**6


class Verdict(NamedTuple):
    """What became of a file: one of OUTCOMES, and why."""

    outcome: str
    why: str = ""


class Read(NamedTuple):
    """What was read of a file: place in steps -> a value for each column, its account, and all that was said."""

    values: dict[int, tuple[float, ...]]
    account: FileAccount
    problems: list[str]


def read_file(made: Damaged, name: str, folder: Path) -> Read:
    """Read a file as `fluxtower process` does.

    Raises
    ------
    ValueError
        It makes more intervals than a file may.
    """
    station = FORMATS[name].station
    path = folder / made.name
    path.write_bytes(made.content)
    found = examine(path, station, "ec")
    spans = choose_spans([found])
    problems = list(found.problems)
    values: dict[int, tuple[float, ...]] = {}
    starts = grid_starts(spans, MINUTES, None, None) if spans else []
    if len(starts) > MAX_INTERVALS:
        raise ValueError(f"{len(starts)} intervals")
    length = MINUTES * 60 * 10**9
    touched = [
        start for start in starts if any(s.start_ns < to_ns(start) + length and s.end_ns > to_ns(start) for s in spans)
    ]
    first_ns = to_ns(FIRST)
    for gathered in gather(spans, station, "ec", touched, MINUTES, problems.append):
        for some in gathered.placed.values():
            found.account.placed += some
        if gathered.samples is None:
            continue
        grid = np.array(list(gathered.samples.channels.values()))
        begin = (to_ns(gathered.start) - first_ns) // STEP_NS
        for slot in np.flatnonzero(np.isfinite(grid).any(axis=0)):
            values[begin + int(slot)] = tuple(grid[:, slot].tolist())
    return Read(values, found.account, problems)


def record_of(value: float) -> tuple[int, int] | None:
    """Return the column and the record that a value is of; None if it is no value of the good file."""
    number = round(value * 1000) if abs(value) < 10 else -1
    if abs(value * 1000 - number) > 1e-3 or not SPAN <= number < SPAN * (len(COLUMNS) + 1):
        return None
    return number // SPAN - 1, number % SPAN


def judge(made: Damaged, read: Read) -> Verdict:
    """Compare what was read of a file with what is in it."""
    account = read.account
    told = bool(read.problems or account.describe())
    free = {made.places[record] for record in made.unknowable if record in made.places}
    right: Counter[int] = Counter()
    cells = ((place, c, value) for place, row in read.values.items() for c, value in enumerate(row) if value == value)
    for place, column, value in cells:
        found = record_of(value)
        if found is not None and found[0] == column and made.places.get(found[1]) == place:
            right[found[1]] += 1
        elif place not in free and not (told and _may_be_any(made, found)):
            meant = "no value of the file" if found is None else f"record {found[1]}, {COLUMNS[found[0]]}"
            return Verdict("wrong", f"{COLUMNS[column]} at place {place} is {value:.6g}: {meant}")
    return _find_silence(made, read, right)


def _find_silence(made: Damaged, read: Read, right: Counter[int]) -> Verdict:
    """Tell whether records that are whole were lost without a word; ``right`` counts the values of each record."""
    if read.account.missing:
        return Verdict("silent", f"the account does not balance by {read.account.missing}")
    # a damaged header may lack a column: that is told of the file as a whole
    lacking = sum(any(f"no column '{name}" in one for one in read.problems) for name in COLUMNS)
    lost = sum(right[record] < len(COLUMNS) - lacking for record in made.whole)
    if lost > (told := _told(made, read)):
        return Verdict("silent", f"{lost} records lost, {told} told: {read.account.describe()}")
    return Verdict("good")


def _may_be_any(made: Damaged, found: tuple[int, int] | None) -> bool:
    """Tell whether a value may be of a record whose bytes, its stamp's too, were changed."""
    return bool(made.unknowable) if found is None else found[1] in made.unknowable


def _told(made: Damaged, read: Read) -> int:
    """Return how many records may be missing by what was said."""
    account, placed = read.account, read.account.placed
    if not account.read and read.problems:
        return len(made.places)
    told = placed.contested + placed.crowded
    for one in account.left_out:
        # a rest that could not be read has no number
        unknown = not (one.records or one.bytes)
        told += len(made.places) if unknown else one.records + made.frame * (2 + one.bytes // made.record_bytes)
    return told


def try_file(damage: str, name: str, dice: random.Random, folder: Path) -> Verdict:
    """Make a damaged file, read it and judge what came of it."""
    made = make_file(damage, name, dice)
    try:
        read = read_file(made, name, folder)
    except ValueError as error:
        if str(error).endswith("intervals"):
            return Verdict("wrong", str(error))
        return Verdict("crashed", repr(error))
    except Exception as error:
        return Verdict("crashed", repr(error))
    return judge(made, read)


class Trial(NamedTuple):
    """A file that was tried: its number, the damage, the format, and what became of it."""

    number: int
    damage: str
    format: str
    verdict: Verdict


def run(
    count: int, seed: int, kinds: Sequence[tuple[str, str]] | None = None, progress: Progress = no_progress
) -> list[Trial]:
    """Try so many files, of each kind of damage and format in turn; each has its own dice."""
    kinds = kinds or all_kinds()
    trials = []
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        for number in range(count):
            damage, name = kinds[number % len(kinds)]
            dice = random.Random(f"{damage} {name} {number} {seed}")
            trials.append(Trial(number, damage, name, try_file(damage, name, dice, Path(folder))))
            progress("files", number + 1, count)
    return trials


def main() -> None:
    """Try them all, print a table and a line of JSON."""
    parser = argparse.ArgumentParser(description="Damaged raw files of every format.")
    parser.add_argument("--count", type=int, default=10_000, help="files")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="show what is wrong with some files of each kind")
    given = parser.parse_args()
    with progress_bar("files", transient=True) as progress:
        trials = run(given.count, given.seed, progress=progress)

    print(f"{'damage':24s} {'format':10s} {'files':>6s}" + "".join(f" {outcome:>8s}" for outcome in OUTCOMES))
    for damage, name in all_kinds():
        mine = [one for one in trials if (one.damage, one.format) == (damage, name)]
        counts = Counter(one.verdict.outcome for one in mine)
        print(f"{damage:24s} {name:10s} {len(mine):6d}" + "".join(f" {counts[outcome]:8d}" for outcome in OUTCOMES))
        faults = [one for one in mine if one.verdict.outcome != "good"]
        for one in faults[: MOST_FAULTS_SHOWN if given.show else 0]:
            print(f"    file {one.number}: {one.verdict.outcome}: {one.verdict.why[:300]}")
    totals = Counter(one.verdict.outcome for one in trials)
    print(json.dumps({"files": len(trials)} | {outcome: totals[outcome] for outcome in OUTCOMES[1:]}))
    sys.exit(totals["good"] < len(trials))


if __name__ == "__main__":
    main()
