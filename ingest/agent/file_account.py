"""The account of a followed file: what became of each byte and each record up to where it is read."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

FILLER = b"\0\xff"
"""What stands where a power cut kept a logger from writing, or where it had kept room."""
FILLED = "bytes of NUL or 0xFF: a power cut, or room that the logger had kept"
BLANK = "blank lines"
NO_RECORD = "no record of its table"
TOO_LONG = "longer than any line"


@dataclass(slots=True)
class Rest:
    """What is left out for one reason.

    Attributes
    ----------
    line : int
        The first line that it holds for.
    records, bytes : int
        How much; bytes without records are filling. [1], [bytes]
    """

    line: int
    records: int = 0
    bytes: int = 0


@dataclass(slots=True)
class FollowedAccount:
    """What became of a file up to a position; kept in the spool with that, so that a restart goes on counting.

    Attributes
    ----------
    file : str
        Its name when it was last read.
    counted_from : int
        Where counting began: behind 0 for a file that was read in part before accounts were kept. [bytes]
    lines : int
        Lines read, headers included.
    header_bytes, record_bytes : int
        In headers, and in records that were used or repeated. [bytes]
    used, repeated : int
        Records that went into blocks or readings, and those whose time had been sent.
    left_out : dict of str to Rest
        By reason.
    """

    file: str = ""
    counted_from: int = 0
    lines: int = 0
    header_bytes: int = 0
    record_bytes: int = 0
    used: int = 0
    repeated: int = 0
    left_out: dict[str, Rest] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """Records read, damaged ones included."""
        return self.used + self.repeated + sum(rest.records for rest in self.left_out.values())

    @property
    def bytes(self) -> int:
        """Bytes that are accounted for, and those before counting began. [bytes]"""
        left = sum(rest.bytes for rest in self.left_out.values())
        return self.counted_from + self.header_bytes + self.record_bytes + left

    def add_header(self, size: int) -> None:
        """Count a line of a header."""
        self.lines += 1
        self.header_bytes += size

    def add_record(self, size: int, *, repeated: bool) -> None:
        """Count a record that is used, or repeats a time."""
        self.lines += 1
        self.record_bytes += size
        if repeated:
            self.repeated += 1
        else:
            self.used += 1

    def leave_out(self, reason: str, size: int) -> None:
        """Count a line that is not used; filling and blank lines are no records."""
        self.lines += 1
        rest = self.left_out.setdefault(reason, Rest(self.lines))
        rest.records += reason not in (FILLED, BLANK)
        rest.bytes += size

    def go_back(self, lines: int, size: int) -> None:
        """Take back lines of a header that are read again."""
        self.lines -= lines
        self.header_bytes -= size

    def copy(self) -> FollowedAccount:
        """Return it as it is now."""
        return deepcopy(self)

    def as_json(self, offset: int) -> dict[str, Any]:
        """Return it for a status, of a file that is read up to a byte."""
        return {
            "file": self.file,
            "bytes": offset,
            "records": self.records,
            "used": self.used,
            "repeated": self.repeated,
            "left_out": [
                {"reason": reason, "line": rest.line, "records": rest.records, "bytes": rest.bytes}
                for reason, rest in self.left_out.items()
            ],
            "balanced": self.bytes == offset,
        }

    def describe(self) -> str:
        """Say it in a line for the log."""
        parts = [f"{self.records:,} records: {self.used:,} used"]
        parts += [f"{self.repeated:,} had been sent"] if self.repeated else []
        for reason, rest in self.left_out.items():
            amount = f"{rest.records:,}" if rest.records else f"{rest.bytes:,} bytes"
            parts.append(f"{amount} left out from line {rest.line}: {reason}")
        return f"{self.file}: {'; '.join(parts)}"

    def as_row(self) -> dict[str, Any]:
        """Return it for the spool."""
        row: dict[str, Any] = {name: getattr(self, name) for name in _PLAIN}
        row["left_out"] = {name: [rest.line, rest.records, rest.bytes] for name, rest in self.left_out.items()}
        return row


_PLAIN = ("file", "counted_from", "lines", "header_bytes", "record_bytes", "used", "repeated")


def account_of_row(row: Mapping[str, Any]) -> FollowedAccount:
    """Return what ``FollowedAccount.as_row`` gave."""
    left_out = {reason: Rest(*numbers) for reason, numbers in row["left_out"].items()}
    return FollowedAccount(**{name: row[name] for name in _PLAIN}, left_out=left_out)


def classify(line: bytes) -> str:
    """Return why a line that is no record is none."""
    if not line:
        return TOO_LONG
    if not line.strip():
        return BLANK
    return FILLED if not line.strip(FILLER + b"\r\n\t ") else NO_RECORD
