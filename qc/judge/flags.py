"""What holds of readings in the end: a person's flag, else what the checks say, raised by findings and senders."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.clock import to_ns
from core.store import FindingRow, Reasons, StoredReadingsOfStretch
from qc.codes import BAD, GOOD, MANUAL, MISSING, SUSPECT, UNKNOWN, check_of

_RANK = np.zeros(MISSING + 1, np.int16)
_RANK[[GOOD, UNKNOWN, SUSPECT, BAD, MISSING]] = range(5)


@dataclass(frozen=True, slots=True)
class Statement:
    """What a person says of channels just now; without a reason: nothing any more."""

    channels: Collection[str]
    reason: str | None
    start_ns: int
    end_ns: int


def combine(
    channels: Sequence[str],
    stored: StoredReadingsOfStretch,
    flags: NDArray[np.int16],
    reasons: Sequence[Reasons | None],
    findings: Sequence[FindingRow],
    statement: Statement | None = None,
) -> tuple[NDArray[np.int16], list[Reasons | None]]:
    """Put together what checks, findings, senders and people say.

    Parameters
    ----------
    channels : sequence of str
    stored : StoredReadingsOfStretch
        The readings; a person's reason is taken over from those stored.
    flags : ndarray, shape (n, channels), int16
        Of the checks.
    reasons : sequence of length n
        Of the checks.
    findings : sequence of FindingRow
        Those in force; they make a flag worse, never better, and do not speak of missing values.
    statement : Statement, optional
        Its reason takes the place of the stored one.

    Returns
    -------
    flags : ndarray, shape (n, channels), int16
    reasons : list of length n
        None where there is nothing to say.
    """
    final = flags.copy()
    said: list[Reasons | None] = [None if one is None else dict(one) for one in reasons]
    for finding in findings:
        if finding.channel not in channels:
            continue
        c = channels.index(finding.channel)
        within = (stored.time_ns >= to_ns(finding.starts)) & (stored.time_ns < to_ns(finding.ends))
        about = within & (final[:, c] != MISSING)
        raised = about & (_RANK[final[:, c]] < _RANK[finding.flag])
        final[raised, c] = finding.flag
        for i in np.flatnonzero(about).tolist():
            _add(said, i, finding.channel, finding.reason)
    for i, sender in enumerate(stored.sender_flags):
        for c, worst in enumerate(sender or ()):
            if worst:
                if _RANK[final[i, c]] < _RANK[worst]:
                    final[i, c] = worst
                _add(said, i, channels[c], (stored.sender_reasons[i] or {}).get(channels[c], "sender: nothing more"))
    for i, manual in enumerate(stored.manual):
        if manual is None:
            continue
        for c, flag in enumerate(manual):
            if flag is not None:
                final[i, c] = flag
                _add(said, i, channels[c], _manual_reason(stored, i, channels[c], statement))
    return final, said


def _manual_reason(stored: StoredReadingsOfStretch, i: int, channel: str, statement: Statement | None) -> str:
    if (
        statement is not None
        and statement.reason is not None
        and channel in statement.channels
        and statement.start_ns <= stored.time_ns[i] < statement.end_ns
    ):
        return f"{MANUAL}: {statement.reason}"
    before = (stored.reasons[i] or {}).get(channel, [])
    return next((text for text in before if check_of(text) == MANUAL), f"{MANUAL}: no reason is known")


def _add(said: list[Reasons | None], i: int, channel: str, text: str) -> None:
    one = said[i]
    said[i] = {**(one or {}), channel: [*(one or {}).get(channel, []), text]}
