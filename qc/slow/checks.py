"""The names of the checks, and how what they say is kept: a bit for *suspect* and a bit for *bad* of each."""

from __future__ import annotations

from typing import Final

from qc.slow.kernels import BAD_SHIFT

CHECKS: Final = ("range", "climatology", "spike", "step", "rate", "persistence", "consistency")
"""Checks of a reading, in the order in which their reasons are given."""
SUSPECT_BITS: Final = (1 << BAD_SHIFT) - 1
"""The lower half of a mask: what is suspect. The upper half says which of it is bad."""


def checks_of(mask: int) -> dict[str, bool]:
    """Return the checks that a mask names -> whether they say bad (or suspect)."""
    found: dict[str, bool] = {}
    for place in range(BAD_SHIFT):
        if mask >> place & 1:
            name = CHECKS[min(place, len(CHECKS) - 1)]
            found[name] = found.get(name, False) or bool(mask >> (place + BAD_SHIFT) & 1)
    return found
