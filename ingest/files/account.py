"""What became of each record of a raw file: used, a repetition, contested, left out, or outside the time asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from ingest.files.records import LeftOut

MAX_NAMED = 3
"""Most files that a line of a summary names."""


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of records that were put onto the grids of intervals.

    Attributes
    ----------
    used : int
        Records with a place of their own.
    duplicate : int
        Records that another one repeats, value by value.
    contested : int
        Records that claim a place that different ones claim, too.
    crowded : int
        Records that come faster than the stream's rate, so that there is no place for them.
    """

    used: int = 0
    duplicate: int = 0
    contested: int = 0
    crowded: int = 0

    def __add__(self, other: Placed) -> Placed:
        return Placed(
            self.used + other.used,
            self.duplicate + other.duplicate,
            self.contested + other.contested,
            self.crowded + other.crowded,
        )


@dataclass(slots=True)
class FileAccount:
    """The account of one file.

    Attributes
    ----------
    file : str
        Its name.
    read : int
        Records found in it, whole or not.
    placed : Placed
        What became of those that were used.
    outside : int
        Records outside the time asked for.
    left_out : list of LeftOut
        What was not used, and why.
    notes : list of str
        What is out of the ordinary and costs no record.
    contest_expected : bool
        Whether a problem of the file says already why its records may be contested: its clock ran backwards.
    """

    file: str
    read: int = 0
    placed: Placed = field(default_factory=Placed)
    outside: int = 0
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    contest_expected: bool = False

    @property
    def missing(self) -> int:
        """Records read of which nothing is known; anything but 0 is a defect of this program."""
        placed = self.placed
        known = placed.used + placed.duplicate + placed.contested + placed.crowded + self.outside
        return self.read - known - sum(one.records for one in self.left_out)

    def as_json(self) -> dict[str, object]:
        """Return it for a report."""
        return {
            "file": self.file,
            "records": self.read,
            "used": self.placed.used,
            "duplicate": self.placed.duplicate,
            "contested": self.placed.contested,
            "crowded": self.placed.crowded,
            "outside": self.outside,
            "left_out": [
                {"reason": one.reason, "line": one.line, "records": one.records, "bytes": one.bytes}
                for one in self.left_out
            ],
            "balanced": not self.missing,
            "notes": self.notes,
        }

    def describe(self) -> str:
        """Say what is out of the ordinary; empty if nothing is."""
        placed = self.placed
        parts = [
            f"{count:,} {what}"
            for count, what in (
                (placed.duplicate, "repeat others"),
                (placed.contested, "contested"),
                (placed.crowded, "faster than the stream's rate, left out"),
            )
            if count
        ]
        for one in self.left_out:
            amount = f"{one.records:,}" if one.records else f"{one.bytes:,} bytes"
            parts.append(f"{amount} left out from line {one.line}: {one.reason}")
        if parts:
            parts.insert(0, f"{self.read:,} records: {placed.used:,} used")
        parts += self.notes
        return "; ".join(parts)


def describe_accounts(accounts: Iterable[FileAccount]) -> list[str]:
    """Return a line for each file that is out of the ordinary; files of which the same holds share one."""
    same: dict[str, list[str]] = defaultdict(list)
    for account in accounts:
        if text := account.describe():
            same[text].append(account.file)
    lines = []
    for text, files in same.items():
        more = f" and {len(files) - MAX_NAMED} more" if len(files) > MAX_NAMED else ""
        lines.append(f"{', '.join(files[:MAX_NAMED])}{more}: {text}")
    return lines


def find_problems(accounts: Iterable[FileAccount]) -> list[str]:
    """Return a problem for each file of which records are contested, and for each account that does not balance."""
    problems = []
    for one in accounts:
        if one.placed.contested and not one.contest_expected:
            problems.append(
                f"{one.file}: {one.placed.contested:,} of {one.read:,} records have the times of different ones, in it "
                "or in another file, and none of these is used: give one file for each time, or correct the stamps"
            )
        if one.missing:
            problems.append(
                f"{one.file}: the account does not balance: of {one.read} records {one.missing} are not accounted for: "
                "a defect of this program, please report it with the file"
            )
    return problems
