"""What a new computation changed: a recalibration, another scale, late data."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from core.clock import from_ns, to_ns
from qc.mole_fraction.series import Means


class Change(NamedTuple):
    """What changed of an intake in a month (UTC): by how many means, and by how much.

    ``shift`` is the mean of new minus old where both have a value, ``largest`` the one farthest from 0; ``appeared``
    and ``vanished`` count values that only one has, ``reflagged`` those with another flag.
    """

    gas: str
    intake: str
    month_ns: int
    n: int
    shift: float
    largest: float
    appeared: int
    vanished: int
    reflagged: int


def changes_between(old: Means, new: Means) -> list[Change]:
    """Compare two computations of the same means, month by month and intake by intake; what is the same is left out.

    Parameters
    ----------
    old, new : Means
        Of one gas and step; the scales may differ, which is then what the shift shows.

    Raises
    ------
    ValueError
        They are of different gases or steps.
    """
    if (old.gas, old.step_s) != (new.gas, new.step_s):
        raise ValueError(f"{old.gas} of {old.step_s} s cannot be compared with {new.gas} of {new.step_s} s")
    rows = {_key(means, i): None for means in (old, new) for i in range(len(means))}
    before, after = ({_key(means, i): i for i in range(len(means))} for means in (old, new))
    months: dict[tuple[int, str], list[tuple[int | None, int | None]]] = {}
    for time, intake in sorted(rows):
        months.setdefault((_month(time), intake), []).append((before.get((time, intake)), after.get((time, intake))))
    found = [_change(old, new, intake, month, pairs) for (month, intake), pairs in sorted(months.items())]
    return [one for one in found if one.n or one.appeared or one.vanished or one.reflagged]


def _key(means: Means, row: int) -> tuple[int, str]:
    return int(means.time_ns[row]), means.intakes[means.intake[row]]


def _month(time_ns: int) -> int:
    day = from_ns(time_ns)
    return to_ns(datetime(day.year, day.month, 1, tzinfo=UTC))


def _change(old: Means, new: Means, intake: str, month_ns: int, pairs: list[tuple[int | None, int | None]]) -> Change:
    one = np.array([np.nan if i is None else old.value[i] for i, _ in pairs])
    other = np.array([np.nan if j is None else new.value[j] for _, j in pairs])
    flags = [(None if i is None else int(old.flag[i]), None if j is None else int(new.flag[j])) for i, j in pairs]
    both = np.isfinite(one) & np.isfinite(other) & (one != other)
    step = (other - one)[both]
    largest = float(step[np.argmax(np.abs(step))]) if step.size else 0.0
    return Change(
        *(new.gas, intake, month_ns, int(both.sum()), float(step.mean()) if step.size else 0.0, largest),
        *(int((np.isnan(one) & np.isfinite(other)).sum()), int((np.isfinite(one) & np.isnan(other)).sum())),
        sum(i is not None and j is not None and i != j for i, j in flags),
    )
