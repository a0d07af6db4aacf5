"""Half-hourly tables with planted mistakes: `python benchmarks/tables.py [--count 2000] [--seed 1] [--jobs 2]`.

Makes up sites whose true values are known, writes each as one of the makers of tables does, and plants a mistake:
another unit, a missing code, a turned sign, stamps of the end, a damaged line... One table in five has none. The table
is read and checked as `fluxtower season` does, up to the quality flags. Either the values that a season would use are
the true ones, or what is wrong is told by words that name it: variable, column, line. Where nothing in the table
contradicts the mistake by a criterion of its own (`_is_hidden`), a note that it could not be checked will do; such
tables are counted as `not_checkable`. Else it is `silent_wrong`. A problem of a table without mistake is a
`false_alarm`; an exception that is not one of ours means `crashed`. Prints tables and, last, one line of JSON with the
counts. `--mistake WORDS`: only those whose kind and name have the words.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import track  # noqa: E402

from benchmarks.made_up_tables import MAKERS, Sheet, make_site, radiation_above, write_lines  # noqa: E402
from benchmarks.planted_mistakes import MISTAKES  # noqa: E402
from benchmarks.planting import Planted, as_text  # noqa: E402
from core.errors import FluxTowerError  # noqa: E402
from core.progress import no_progress  # noqa: E402
from fluxcalc.season.filtering import reject_spikes  # noqa: E402
from fluxcalc.season.record import Season, SeasonMethods  # noqa: E402
from fluxcalc.season.steps import SEASON_STEPS  # noqa: E402
from fluxtower.batch.season_input import read_input  # noqa: E402
from qc.flag_scales import BAD_FLAG  # noqa: E402

CLEAN = "none"
CLEAN_SHARE = 0.2
"""Share of tables without a mistake."""
COMPARED = ("NEE", "LE", "H", "USTAR", "SW_IN", "TA", "VPD", "RH", "NETRAD", "G", "TS", "PA", "WS")
"""What a season fills and uses."""
NEAR, MADE_NEAR = 1e-4, 0.03
"""How far a value may be from the true one, of the range: rounding; made of other variables (VPD, SW_IN of PPFD)."""
METHODS = SeasonMethods(spikes=None, uncertainty="none")
RIGHT, TOLD, REFUSED, UNSEEN = "right", "told", "refused", "not_checkable"
SILENT, FALSE, CRASHED = "silent_wrong", "false_alarm", "crashed"
OUTCOMES = (RIGHT, TOLD, REFUSED, UNSEEN, SILENT, FALSE, CRASHED)
FAILURES = (SILENT, FALSE, CRASHED)
HIDDEN_SUN, WARMEST_PLACE, HIDDEN_ERRORS = 60.0, 45.0, 4.0
"""Below which nothing contradicts stamps, degrees Fahrenheit and a sign. [W m-2], [deg C], [1]"""
UNCHECKED = "could not be checked"
"""In a note on what nothing in the table can tell."""
MOST_FALSE_ALARMS = 0.01
"""Share of the tables without mistake."""
BATCH = 64
"""Tables that are given out at once."""
MOST_SHOWN = 3
"""Tables that are shown of each mistake that fails."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a table."""

    kind: str
    mistake: str
    maker: str
    climate: str
    outcome: str
    words: str = ""


def _check(folder: Path, sheet: Sheet, station: Path) -> Season:
    biomet = folder / sheet.second.file if sheet.second is not None else None
    given = read_input(str(folder / sheet.file), station, None, None, biomet)
    place = given.station.station
    season = Season(
        given.grid.starts, given.grid.minutes, place.latitude, place.longitude, place.utc_offset,
        dict(given.grid.variables), notes=given.notes, problems=(*given.problems, *given.grid.problems),
    )  # fmt: skip
    for _, step in takewhile(lambda one: one[1] is not reject_spikes, SEASON_STEPS):
        season = step(season, METHODS, no_progress)
    return season


def _write(folder: Path, sheet: Sheet, planted: Planted) -> None:
    content = as_text(write_lines(sheet)) if planted.mangle is None else planted.mangle(write_lines(sheet))
    (folder / sheet.file).write_bytes(content)
    if sheet.second is not None:
        (folder / sheet.second.file).write_bytes(as_text(write_lines(sheet.second)))


def find_wrong(season: Season, sheet: Sheet) -> dict[str, tuple[int, int]]:
    """Compare what a season would use with what is true.

    Returns
    -------
    dict of str to (int, int)
        Variable -> records that are used and not true, and records that were given and are not used.
    """
    site = sheet.site
    seconds = np.array([(start - site.starts[0]).total_seconds() for start in season.starts.to_list()])
    places = seconds / (site.minutes * 60)
    inside = (places >= 0) & (places <= len(site.starts) - 1) & (places == np.floor(places))
    rows = places[inside].astype(int)
    flagged = site.flag == BAD_FLAG if sheet.column_of("FC_SSITC_TEST") else np.zeros(len(site.starts), bool)
    found = {}
    for name in COMPARED:
        true, present = site.true[name], site.present[name]
        if name == "NEE" and sheet.column_of("NEE") is None:
            present = site.present["FC"]
            stored = site.present["SC"] if sheet.column_of("SC") else np.zeros(present.size, bool)
            true = site.true["FC"] + np.where(stored, site.true["SC"], 0.0)
        elif sheet.column_of(name) is None:
            continue
        if name in ("NEE", "LE", "H"):
            present = present & ~flagged
        given = season.measured(name)
        made = any(note.startswith((f"{name} is worked out", f"{name} is PPFD")) for note in season.notes)
        near = (MADE_NEAR if made else NEAR) * max(float(np.ptp(true)), 1.0)
        used = np.isfinite(given)
        wrong = int((np.abs(given[inside] - true[rows]) > near).sum()) + int(used[~inside].sum())
        got = np.zeros(len(site.starts), bool)
        got[rows] = used[inside]
        if wrong or (present & ~got).any():
            found[name] = (wrong, int((present & ~got).sum()))
    return found


def _told(season: Season, before: Season | None, words: Sequence[str], *, wrong: bool) -> bool:
    """Say whether a message that the table without mistake does not get names what is wrong."""
    if not words:
        return bool(season.problems)
    known = () if before is None else (*before.problems, *before.notes)
    # that some values were left out says nothing of those that were not
    notes = [note for note in season.notes if not (wrong and "records rejected" in note)]
    messages = [message for message in (*season.problems, *notes) if message not in known]
    return any(word in message for message in messages for word in words)


def _is_unchecked(season: Season, words: Sequence[str]) -> bool:
    return any(UNCHECKED in note and any(word in note for word in words) for note in season.notes)


def _is_hidden(kind: str, mistake: str, sheet: Sheet) -> bool:
    """Say whether nothing in a table contradicts a mistake, by what is true of its site and not by our checks.

    Stamps without a sun above 60 W m-2; degrees Fahrenheit of a temperature that a place on Earth may have, without
    VPD and RH beside it; a turned flux whose mean is within four standard errors of 0.
    """
    site = sheet.site
    if kind == "stamps":
        above = radiation_above(site.starts, site.minutes, site.latitude, site.longitude, site.utc_offset)
        return float(above.max()) < HIDDEN_SUN
    if mistake == "TA in deg F":
        both = sheet.column_of("VPD") and sheet.column_of("RH")
        return not both and float(np.median(site.true["TA"])) * 1.8 + 32 < WARMEST_PLACE
    if mistake.endswith(" turned") and (name := mistake.split()[0]) in ("FC", "NEE"):
        part = site.given(name)[len(site.starts) // 2 :]
        days = np.array([np.nanmean(day) for day in np.array_split(part, len(part) * site.minutes // 1440)])
        return abs(days.mean()) < HIDDEN_ERRORS * days.std(ddof=1) / np.sqrt(days.size)
    return False


def try_table(seed: str, maker: str, kind: str, mistake: str, folder: Path) -> Result | None:
    """Make up a table, plant a mistake, read it; None if the maker's table has not got what the mistake needs."""
    site = make_site(seed)
    sheet = MAKERS[maker](site)
    dice = random.Random(seed)
    planted: Planted | None = Planted()
    before = None
    station = folder / "station.toml"
    station.write_text(site.station_file)
    if kind != CLEAN:
        _write(folder, sheet, planted or Planted())
        before = _check(folder, sheet, station)
        planted = MISTAKES[kind][mistake](sheet, dice)
        if planted is None:
            return None
    assert planted is not None

    def result(outcome: str, words: str = "") -> Result:
        return Result(kind, mistake, maker, f"{site.climate}, {site.minutes} min, seed {seed}", outcome, words)

    _write(folder, sheet, planted)
    try:
        season = _check(folder, sheet, station)
    except FluxTowerError as error:
        return result(FALSE if kind == CLEAN else REFUSED, str(error))
    except Exception as error:
        return result(CRASHED, repr(error))
    found = find_wrong(season, sheet)
    shown = ", ".join(f"{name}: {wrong} wrong, {lost} lost" for name, (wrong, lost) in found.items())
    if kind == CLEAN:
        return result(SILENT if found else FALSE if season.problems else RIGHT, shown or "; ".join(season.problems))
    if not found:
        return result(RIGHT)
    wrong = any(count for count, _ in found.values())
    if _told(season, before, planted.words, wrong=wrong):
        return result(TOLD, shown)
    hidden = _is_unchecked(season, planted.words) and _is_hidden(kind, mistake, sheet)
    return result(UNSEEN if hidden else SILENT, shown)


def choose(count: int, seed: int, only: str = "", jobs: int = 1) -> Iterator[Result]:
    """Try so many tables, several at a time: makers and mistakes in turn, each of a site of its own."""
    turn = [(kind, mistake) for kind, ones in MISTAKES.items() for mistake in ones if only in f"{kind}: {mistake}"]
    done = 0
    with ProcessPoolExecutor(jobs) as pool:
        for first in range(1, count * 1000, BATCH):
            wanted = [_choice(number, seed, turn, only) for number in range(first, first + BATCH)]
            for tried in pool.map(_try, wanted, chunksize=4):
                if tried is not None and done < count:
                    done += 1
                    yield tried
            if done == count:
                return


def _choice(number: int, seed: int, turn: Sequence[tuple[str, str]], only: str) -> tuple[str, str, str, str]:
    dice = random.Random(f"{seed} {number}")
    clean = not only and dice.random() < CLEAN_SHARE
    kind, mistake = (CLEAN, CLEAN) if clean else turn[number % len(turn)]
    return f"{seed} {number}", dice.choice(list(MAKERS)), kind, mistake


def _try(wanted: tuple[str, str, str, str]) -> Result | None:
    with tempfile.TemporaryDirectory() as folder:
        return try_table(*wanted, Path(folder))


def _print(title: str, rows: dict[str, Counter[str]]) -> None:
    print(f"\n{title:44s}" + "".join(f"{outcome:>14s}" for outcome in OUTCOMES))
    for name, counts in sorted(rows.items()):
        print(f"{name:44s}" + "".join(f"{counts[outcome]:14d}" for outcome in OUTCOMES))


def main() -> None:
    """Run it all, print tables and a line of JSON."""
    parser = argparse.ArgumentParser(description="Half-hourly tables with planted mistakes.")
    parser.add_argument("--count", type=int, default=2000, help="tables")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mistake", default="", help="only those whose kind and name have these words")
    parser.add_argument("--jobs", type=int, default=2, help="tables at a time")
    given = parser.parse_args()

    errors = Console(stderr=True)
    tried = choose(given.count, given.seed, given.mistake, given.jobs)
    results = list(track(tried, "tables", given.count, console=errors, disable=not errors.is_terminal))
    by_maker: dict[str, Counter[str]] = defaultdict(Counter)
    by_kind: dict[str, Counter[str]] = defaultdict(Counter)
    by_mistake: dict[str, Counter[str]] = defaultdict(Counter)
    for one in results:
        by_maker[one.maker][one.outcome] += 1
        by_kind[one.kind][one.outcome] += 1
        by_mistake[f"{one.kind}: {one.mistake}"][one.outcome] += 1
    _print("mistake", by_mistake)
    _print("kind", by_kind)
    _print("maker", by_maker)
    shown: Counter[str] = Counter()
    for one in results:
        if one.outcome in FAILURES:
            shown[one.mistake] += 1
            if shown[one.mistake] <= MOST_SHOWN:
                print(f"{one.outcome}: {one.kind}: {one.mistake}; {one.maker}; {one.climate}: {one.words[:500]}")
    clean = sum(by_kind[CLEAN].values())
    counts = Counter(one.outcome for one in results)
    print(f"\nfalse alarms: {counts[FALSE]} of {clean} tables without mistake ({counts[FALSE] / max(1, clean):.1%})")
    print(
        json.dumps(
            {
                "tables": len(results), "silent_wrong": counts[SILENT], "false_alarms": counts[FALSE],
                "crashed": counts[CRASHED],
            }
        )
    )  # fmt: skip
    sys.exit(counts[SILENT] + counts[CRASHED] > 0 or counts[FALSE] > MOST_FALSE_ALARMS * clean)


if __name__ == "__main__":
    main()
