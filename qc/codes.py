"""Flags beside a value, and the checks that give them: numbers and names."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

GOOD, UNKNOWN, SUSPECT, BAD, MISSING = 1, 2, 3, 4, 9
"""Flags in the convention of QARTOD (1 good, 2 unknown: not judged, 3 suspect, 4 fail, 9 missing)."""
FLAGS: Mapping[int, str] = MappingProxyType(
    {GOOD: "good", UNKNOWN: "unknown", SUSPECT: "suspect", BAD: "bad", MISSING: "missing"}
)
REFUSED_FLAGS = (SUSPECT, BAD)
"""Flags of values that are not used."""
MANUAL = "manual"
"""What stands in front of a person's reason, as a check's name does in front of that of a check."""


class ManualFlag(StrEnum):
    """What a person can say of a value."""

    bad = "bad"
    suspect = "suspect"
    good = "good"

    @property
    def number(self) -> int:
        """The flag."""
        return next(number for number, word in FLAGS.items() if word == self)


def check_of(reason: str) -> str:
    """Return the name of the check that a reason begins with."""
    return reason.partition(":")[0]
