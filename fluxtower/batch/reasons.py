"""Reasons that differ in their numbers alone, counted together with the range of each number."""

from __future__ import annotations

import re
from dataclasses import dataclass

_VALUE = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}Z|(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.])")
_GAP = "\0"


@dataclass(slots=True)
class ReasonGroup:
    """Equal reasons.

    Attributes
    ----------
    count : int
        How often.
    smallest, largest : list of str
        Of each number and time in the text, in order, as written.
    """

    count: int
    smallest: list[str]
    largest: list[str]

    def add(self, other: ReasonGroup) -> None:
        """Take up another group of the same text."""
        self.count += other.count
        self.smallest = [min(pair, key=_size) for pair in zip(self.smallest, other.smallest, strict=True)]
        self.largest = [max(pair, key=_size) for pair in zip(self.largest, other.largest, strict=True)]


def split_reason(reason: str) -> tuple[str, ReasonGroup]:
    """Return the text that equal reasons share, and the group of this one alone."""
    values = _VALUE.findall(reason)
    return _VALUE.sub(_GAP, reason), ReasonGroup(1, values, list(values))


def write_reason(text: str, group: ReasonGroup) -> str:
    """Return a reason with the range of each number: ``turbulence not developed: 35-80 % from the model``."""
    parts = text.split(_GAP)
    ranges = [_range(low, high) for low, high in zip(group.smallest, group.largest, strict=True)]
    return "".join(part + shown for part, shown in zip(parts, [*ranges, ""], strict=True))


def _range(low: str, high: str) -> str:
    if low == high:
        return low
    return f"{low}-{high}" if low.replace(".", "").isdigit() else f"{low} to {high}"


def _size(value: str) -> tuple[float, str]:
    return (0.0, value) if value.endswith("Z") else (float(value), "")
