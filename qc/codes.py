"""Flags beside a value, and the checks that give them: numbers and names."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

GOOD, UNKNOWN, SUSPECT, BAD, MISSING = 1, 2, 3, 4, 9
"""Flags in the convention of QARTOD (1 good, 2 unknown: not judged, 3 suspect, 4 fail, 9 missing)."""
FLAGS: Mapping[int, str] = MappingProxyType(
    {GOOD: "good", UNKNOWN: "unknown", SUSPECT: "suspect", BAD: "bad", MISSING: "missing"}
)
CHECKS = (
    *("range", "climatology", "spike", "step", "rate", "persistence", "consistency"),
    *("night_offset", "clock", "buddy", "level", "drift"),
    "manual",
)
"""What can give a flag: checks of readings, checks of whole stretches of time, a person. A reason begins with it."""
CHECK_BITS: Mapping[str, int] = MappingProxyType({name: 1 << i for i, name in enumerate(CHECKS)})
"""Check -> its bit in a mask of checks."""


def check_of(reason: str) -> str:
    """Return the name of the check that a reason begins with."""
    return reason.partition(":")[0]
