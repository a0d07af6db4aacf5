"""What a data message says of its measurements: a time, numbers by code and field, and the sender's flags."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from core.errors import PayloadError
from ingest.hj212.codec.segment import Segment

FLAG = "Flag"
FIELDS = ("Rtd", "Avg", "Min", "Max", "Cou", "Std", "ZsRtd", "ZsAvg", "ZsMin", "ZsMax")
"""Fields of a code that hold numbers."""
MAX_VALUES = 2000
"""Most numbers of a message."""
TIME = "DataTime"

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_NOTHING = frozenset(("", "-", "--", "NAN", "NaN", "nan", "null", "NULL"))
_LARGEST = 3.4e38


@dataclass(slots=True)
class Measured:
    """What a data message measured.

    Attributes
    ----------
    values : dict of str to float
        ``a05001-Avg`` -> its number; NaN where the sender has none.
    flags : dict of str to str
        ``a05001`` -> the sender's flag, as sent.
    """

    values: dict[str, float] = field(default_factory=dict)
    flags: dict[str, str] = field(default_factory=dict)


def read_values(segments: Iterable[Segment]) -> dict[str, Measured]:
    """Return what the parts of one message measured, by ``DataTime`` as sent.

    A group without a code-and-field, such as ``DataTime`` alone, holds no number; numbers of a field that is not one of
    ``FIELDS`` count as of a code nobody asked for, and texts there mean nothing.

    Raises
    ------
    PayloadError
        No ``DataTime``, a value that is no number, one that comes twice, or more than ``MAX_VALUES``.
    """
    found: dict[str, Measured] = {}
    for segment in segments:
        time = segment.parameter(TIME)
        if time is None:
            raise PayloadError(f"{TIME} is missing: nothing says when the values were measured")
        measured = found.setdefault(time, Measured())
        for group in segment.groups:
            _read_group(group, measured)
        if len(measured.values) > MAX_VALUES:
            raise PayloadError(f"more than {MAX_VALUES} values in one message")
    return found


def _read_group(group: Mapping[str, str], measured: Measured) -> None:
    for name, text in group.items():
        code, dash, kind = name.rpartition("-")
        if not dash or not code:
            continue
        if kind == FLAG:
            _put(measured.flags, code, text, name)
        elif kind in FIELDS:
            _put(measured.values, name, _number(text, name), name)


def _put(into: dict[str, float] | dict[str, str], key: str, value: float | str, name: str) -> None:
    if key in into:
        raise PayloadError(f"{name!a} comes twice in one message")
    into[key] = value  # type: ignore[assignment]


def _number(text: str, name: str) -> float:
    if text in _NOTHING:
        return math.nan
    if _NUMBER.fullmatch(text) and abs(value := float(text)) <= _LARGEST:
        return value
    raise PayloadError(f"{ascii(name)[:80]}: expected a number, got {ascii(text)[:80]}")
