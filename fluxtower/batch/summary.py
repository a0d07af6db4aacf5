"""What came of half-hours out of raw files: how many, how good, and why not better."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rich.table import Table

from core.records import FluxRecord
from fluxtower.batch.reasons import ReasonGroup, split_reason, write_reason
from ingest.files.account import FileAccount, Placed, describe_accounts, find_problems
from ingest.files.gathering import Gathered

FLAG_SUFFIX = "_SSITC_TEST"
MAX_REASONS = 8
"""Most reasons that a summary lists for a flux."""


@dataclass(slots=True)
class ProcessSummary:
    """Counts of one chunk, or of all of them.

    Attributes
    ----------
    averaging_minutes : int
        Length of an interval.
    intervals, empty : int
        Intervals computed, and those of which no file has a record.
    files, refused : int
        Files given, and those that could not be used.
    duplicates, contested : int
        Records that repeat another, and places that different records claim.
    seconds : float
        Time for everything. [s]
    states : Counter
        (flux, "0" | "1" | "2" | "unjudged" | "missing") -> intervals.
    reasons : dict
        (flux, state, text of a reason) -> how often, and the ranges of its numbers.
    problems : dict of str to None
        What is wrong with files, each once, in order.
    notes : list of str
        How much of the time has meteorology, and what the fits were made from, a line each.
    accounts, meteorology : dict of Path to FileAccount
        What became of the records of each file, raw and slow.
    """

    averaging_minutes: int
    intervals: int = 0
    empty: int = 0
    files: int = 0
    refused: int = 0
    duplicates: int = 0
    contested: int = 0
    seconds: float = 0.0
    states: Counter[tuple[str, str]] = field(default_factory=Counter)
    reasons: dict[tuple[str, str, str], ReasonGroup] = field(default_factory=dict)
    problems: dict[str, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    accounts: dict[Path, FileAccount] = field(default_factory=dict)
    meteorology: dict[Path, FileAccount] = field(default_factory=dict)

    def count(self, record: FluxRecord, gathered: Gathered) -> None:
        """Count one interval."""
        self.intervals += 1
        self.empty += gathered.samples is None
        self.duplicates += gathered.duplicates
        self.contested += gathered.contested
        self.place(gathered.placed)
        for flux in (name.removesuffix(FLAG_SUFFIX) for name in record.values if name.endswith(FLAG_SUFFIX)):
            value, flag = record.values[flux], record.values[flux + FLAG_SUFFIX]
            state = "missing" if value != value else "unjudged" if flag != flag else f"{flag:.0f}"
            self.states[flux, state] += 1
            if state != "0":
                why = record.reasons.get(flux) or record.reasons.get(flux + FLAG_SUFFIX, "no reason is known")
                self._add_reason((flux, state), *split_reason(why))

    def _add_reason(self, key: tuple[str, str], text: str, group: ReasonGroup) -> None:
        known = self.reasons.setdefault((*key, text), group)
        if known is not group:
            known.add(group)

    def add_problem(self, text: str) -> None:
        """Add what is wrong with a file."""
        self.problems[text] = None

    def add_problems(self, texts: Iterable[str]) -> None:
        """Add several."""
        self.problems.update(dict.fromkeys(texts))

    def place(self, placed: Mapping[Path, Placed]) -> None:
        """Count what became of files' records."""
        for path, some in placed.items():
            self.accounts.setdefault(path, FileAccount(path.name)).placed += some

    def finish_accounts(self) -> None:
        """Say what is out of the ordinary, and check that every record is accounted for."""
        for accounts in (self.accounts, self.meteorology):
            self.notes += describe_accounts(accounts.values())
            self.add_problems(find_problems(accounts.values()))

    def as_json(self) -> dict[str, object]:
        """Return the accounts of all files, and what is wrong, for a report."""
        return {
            "intervals": self.intervals,
            "without_record": self.empty,
            "files": [account.as_json() for account in self.accounts.values()],
            "meteorology": [account.as_json() for account in self.meteorology.values()],
            "problems": list(self.problems),
            "notes": self.notes,
        }

    def merge(self, other: ProcessSummary) -> None:
        """Add the counts of another chunk."""
        self.intervals += other.intervals
        self.empty += other.empty
        self.duplicates += other.duplicates
        self.contested += other.contested
        self.states.update(other.states)
        for (flux, state, text), group in other.reasons.items():
            self._add_reason((flux, state), text, group)
        self.problems.update(other.problems)
        self.place({path: account.placed for path, account in other.accounts.items()})

    def tables(self) -> tuple[Table, Table]:
        """Return how good the fluxes are, and why not better, as tables for a terminal."""
        quality = Table("flux", "good (0)", "usable (1)", "bad (2)", "not judged", "missing")
        fluxes = dict.fromkeys(flux for flux, _ in self.states)
        for flux in fluxes:
            row = (str(self.states[flux, state]) for state in ("0", "1", "2", "unjudged", "missing"))
            quality.add_row(flux, *row)
        why = Table("flux", "is", "half-hours", "why")
        for flux in fluxes:
            mine = [(key[1], key[2], group) for key, group in self.reasons.items() if key[0] == flux]
            mine.sort(key=lambda one: one[2].count, reverse=True)
            for state, text, group in mine[:MAX_REASONS]:
                why.add_row(flux, state, str(group.count), write_reason(text, group))
            if mine[MAX_REASONS:]:
                rest = sum(group.count for _, _, group in mine[MAX_REASONS:])
                why.add_row(flux, "", str(rest), f"{len(mine) - MAX_REASONS} other reasons")
        return quality, why

    def sentence(self) -> str:
        """Return all of it in one sentence."""
        each = 1e3 * self.seconds / max(1, self.intervals)
        text = f"{self.intervals} half-hours" if self.averaging_minutes == 30 else f"{self.intervals} intervals"
        text += f" from {self.files - self.refused} of {self.files} files in {self.seconds:.1f} s ({each:.1f} ms each)"
        if self.empty:
            text += f"; {self.empty} without a record"
        if self.duplicates:
            text += f"; {self.duplicates} records that repeat others count once"
        if self.contested:
            text += f"; {self.contested} places that different records claim are missing"
        return text
