"""Quality codes of other schemes beside ours, in one table, and the way there and back.

Ours is a flag (QARTOD's number) with a cause: the part of its reason that another scheme may have a code for. A code of
a scheme has one meaning here; a meaning for which a scheme has no code of its own gets that scheme's code of the flag.
docs/formats/quality_codes.md says which rows are facts and which are our choice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal, NamedTuple

from qc.codes import BAD, GOOD, MISSING, SUSPECT, UNKNOWN, check_of

Standing = Literal["verified", "remembered", "ours"]
MANUAL, ABOVE_RANGE = "manual", "above range"
NO_CODE = ""
"""What a value has in a scheme that has no code for it: an empty field."""

_SENDER = re.compile(r"sender: ([a-z ]+)")
_ABOVE = re.compile(r"range: .*\b(above|more than|over)\b")


class Meaning(NamedTuple):
    """What a code says in our words: a flag, and its cause where that is known."""

    flag: int
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Code:
    """A row of the table.

    Attributes
    ----------
    scheme, code : str
        Whose code it is.
    meaning : Meaning
        What it is with us.
    words : str
        What the scheme says of it.
    standing : str
        ``verified`` (read in a source), ``remembered`` (the source was not at hand), ``ours`` (we chose the meaning).
    """

    scheme: str
    code: str
    meaning: Meaning
    words: str
    standing: Standing


def _rows(scheme: str, standing: Standing, *rows: tuple[str, int, str, str]) -> tuple[Code, ...]:
    return tuple(Code(scheme, code, Meaning(flag, cause), words, standing) for code, flag, cause, words in rows)


CODES: tuple[Code, ...] = (
    *_rows(
        "qartod", "verified",
        ("1", GOOD, "", "pass"),
        ("2", UNKNOWN, "", "not evaluated"),
        ("3", SUSPECT, "", "suspect or of high interest"),
        ("4", BAD, "", "fail"),
        ("9", MISSING, "", "missing data"),
    ),
    *_rows(
        "icos", "remembered",
        ("U", GOOD, "", "right by the automatic checks"),
        ("N", BAD, "", "wrong by the automatic checks"),
        ("O", GOOD, MANUAL, "right, a person says so"),
        ("K", BAD, MANUAL, "wrong, a person says so"),
    ),
    *_rows(
        "fluxnet", "verified",
        ("0", GOOD, "", "measured"),
        ("1", GOOD, "filled", "filled, good"),
        ("2", SUSPECT, "filled", "filled, medium"),
        ("3", BAD, "filled", "filled, poor"),
        (NO_CODE, MISSING, "", "no value"),
    ),
    *_rows(
        "ssitc", "verified",
        ("0", GOOD, "", "good"),
        ("1", SUSPECT, "", "usable"),
        ("2", BAD, "", "bad"),
        (NO_CODE, MISSING, "", "no value"),
    ),
    *_rows(
        "foken", "verified",
        *((str(k), GOOD, "", "good") for k in (1, 2, 3)),
        *((str(k), SUSPECT, "", "usable") for k in (4, 5, 6)),
        *((str(k), BAD, "", "bad") for k in (7, 8, 9)),
        (NO_CODE, MISSING, "", "no value"),
    ),
    *_rows(
        "hj212", "remembered",
        ("N", GOOD, "", "normal"),
        ("F", BAD, "stopped", "the source or instrument is stopped"),
        ("M", BAD, "maintenance", "maintenance"),
        ("S", SUSPECT, "set by hand", "set by hand"),
        ("D", BAD, "fault", "fault of the instrument"),
        ("C", BAD, "calibration", "calibration"),
        ("T", SUSPECT, ABOVE_RANGE, "above the range"),
        ("B", MISSING, "no communication", "no communication"),
    ),
    *_rows(
        "cn-aws", "verified",
        ("0", GOOD, "", "right"),
        ("1", SUSPECT, "", "doubtful"),
        ("2", BAD, "", "wrong"),
        ("3", GOOD, "corrected", "corrected"),
        ("4", SUSPECT, "set by hand", "modified"),
        ("5", SUSPECT, "consistency", "inconsistent"),
        ("7", MISSING, "not observed", "not observed"),
        ("8", MISSING, "", "missing"),
        ("9", UNKNOWN, "", "not controlled"),
    ),
)  # fmt: skip
"""Every code that is known, by scheme."""

SCHEMES = tuple(dict.fromkeys(row.scheme for row in CODES))

# a meaning without a code of its own; where there is a choice, none promises more than is known
DEFAULTS: MappingProxyType[str, MappingProxyType[int, str]] = MappingProxyType(
    {
        scheme: MappingProxyType(dict(zip((GOOD, UNKNOWN, SUSPECT, BAD, MISSING), codes, strict=True)))
        for scheme, codes in {
            "qartod": ("1", "2", "3", "4", "9"),
            "icos": ("U", "U", "N", "N", "N"),
            "fluxnet": ("0", "0", "2", "3", NO_CODE),
            "ssitc": ("0", NO_CODE, "1", "2", NO_CODE),
            "foken": ("3", NO_CODE, "6", "9", NO_CODE),
            "hj212": ("N", "N", "D", "D", "B"),
            "cn-aws": ("0", "9", "1", "2", "8"),
        }.items()
    }
)
"""Scheme -> flag -> the code of a value of which nothing else is known, or nothing that the scheme knows."""
MANUAL_ICOS = {GOOD: "O", UNKNOWN: "O", SUSPECT: "K", BAD: "K", MISSING: "K"}


def to_ours(scheme: str, code: str) -> Meaning:
    """Return what a code of another scheme is with us.

    Raises
    ------
    ValueError
        No such scheme, or no such code in it; says which there are.
    """
    known = _meanings(scheme)
    if code not in known:
        raise ValueError(f"{code!a} is no code of {scheme}: expected one of {', '.join(map(ascii, known))}")
    return known[code]


def from_ours(scheme: str, flag: int, cause: str = "") -> str:
    """Return the code that another scheme has for a flag of ours with its cause; empty where it has none.

    Raises
    ------
    ValueError
        No such scheme, or a number that is no flag of ours.
    """
    codes = _codes(scheme)
    if flag not in DEFAULTS[scheme]:
        raise ValueError(f"{flag} is no flag: expected one of {', '.join(map(str, DEFAULTS[scheme]))}")
    if scheme == "icos" and cause == MANUAL:
        return MANUAL_ICOS[flag]
    if cause and (code := codes.get(Meaning(flag, cause))) is not None:
        return code
    # the scheme may be stricter about a cause than the check was, never milder
    if cause and flag >= SUSPECT and (code := _by_cause(scheme).get(cause)) is not None:
        return code if to_ours(scheme, code).flag >= flag else DEFAULTS[scheme][flag]
    return DEFAULTS[scheme][flag]


def cause_of(reasons: Iterable[str]) -> str:
    """Return the cause that reasons of one value name first, in the table's words; empty if they name none of these.

    Parameters
    ----------
    reasons : iterable of str
        Texts that begin with a check's name: ``range: 285 deg C is above 60``.
    """
    for reason in reasons:
        check = check_of(reason)
        if check in (MANUAL, "consistency"):
            return check
        if said := _SENDER.match(reason):
            return said[1].strip()
        if _ABOVE.match(reason):
            return ABOVE_RANGE
    return ""


def sender_reason(cause: str, scheme: str, code: str) -> str:
    """Return the reason of a flag that the sender gave by a code of a scheme; ``cause_of`` reads it again."""
    return f"sender: {cause or 'nothing more'} ({scheme} {code})"


def _check(scheme: str) -> None:
    if scheme not in SCHEMES:
        raise ValueError(f"{scheme!a} is no scheme of quality codes: expected one of {', '.join(SCHEMES)}")


@cache
def _meanings(scheme: str) -> dict[str, Meaning]:
    _check(scheme)
    return {row.code: row.meaning for row in CODES if row.scheme == scheme}


@cache
def _codes(scheme: str) -> dict[Meaning, str]:
    _check(scheme)
    return {row.meaning: row.code for row in reversed(CODES) if row.scheme == scheme}


@cache
def _by_cause(scheme: str) -> dict[str, str]:
    """Cause -> code, of causes that have one code only."""
    causes = [row.meaning.cause for row in CODES if row.scheme == scheme]
    return {
        row.meaning.cause: row.code for row in CODES if row.scheme == scheme and causes.count(row.meaning.cause) == 1
    }
