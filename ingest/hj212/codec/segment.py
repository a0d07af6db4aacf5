"""The data segment: fields with their values, and in ``CP=&&...&&`` groups of parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.clock import EPOCH, NS, from_ns
from core.errors import PayloadError

EDITIONS = {0: "2005", 1: "2017", 2: "2025"}
"""Number in bits 2 to 7 of ``Flag`` -> edition of the standard."""
WANTS_RECEIPT, IS_PART = 1, 2
"""Bits of ``Flag``: the sender waits for a receipt; the frame is one of several."""
MAX_PARTS = 9999
BEIJING_NS = 8 * 3600 * NS
"""Beijing time minus UTC. [ns]"""
REAL_TIME, MINUTE, HOUR, DAY = "2011", "2051", "2061", "2031"
RECEIPT, NOTICE_RECEIPT = "9014", "9013"

_MN = re.compile(r"[!-:<-~]{1,40}")
_NUMBER = re.compile(r"\d{1,5}", re.ASCII)
_QN = re.compile(r"\d{17}", re.ASCII)
_STAMP = re.compile(r"\d{14}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Segment:
    """What a data segment says.

    Attributes
    ----------
    fields : mapping of str to str
        ``QN``, ``ST``, ``CN``, ``PW``, ``MN``, ``Flag``, ``PNUM``, ``PNO`` and whatever else stands before ``CP``.
    groups : sequence of mapping
        Of ``CP``: what stands between two semicolons, its names and values in their order.
    """

    fields: Mapping[str, str]
    groups: Sequence[Mapping[str, str]]

    @property
    def mn(self) -> str:
        """The device."""
        return self.fields.get("MN", "")

    @property
    def pw(self) -> str:
        """Its password."""
        return self.fields.get("PW", "")

    @property
    def cn(self) -> str:
        """The command: what kind of message it is."""
        return self.fields.get("CN", "")

    @property
    def qn(self) -> str:
        """The message's name: the time at which it was made, to the millisecond; empty in old frames."""
        return self.fields.get("QN", "")

    @property
    def flag(self) -> int:
        """``Flag``; 0 where the frame has none, as old ones."""
        return int(self.fields.get("Flag", "0"))

    @property
    def edition(self) -> str:
        """Edition of the standard that the frame says, empty if it is none that we know."""
        return EDITIONS.get(self.flag >> 2, "")

    @property
    def wants_receipt(self) -> bool:
        """Whether the sender waits for a receipt."""
        return bool(self.flag & WANTS_RECEIPT)

    @property
    def part(self) -> tuple[int, int]:
        """Which part of how many it is; (1, 1) of a whole message."""
        if "PNUM" not in self.fields or "PNO" not in self.fields:
            return 1, 1
        return int(self.fields["PNO"]), int(self.fields["PNUM"])

    def parameter(self, name: str) -> str | None:
        """Return the first value of a parameter, None without one."""
        return next((group[name] for group in self.groups if name in group), None)


def parse_segment(data: bytes) -> Segment:
    """Read a data segment; text is ASCII, and GBK where it is not.

    Raises
    ------
    PayloadError
        It is no data segment: names the field, what was expected and what it has.
    """
    try:
        text = data.decode("gbk")
    except UnicodeDecodeError as error:
        raise PayloadError("the data segment is neither ASCII nor GBK", offset=error.start) from None
    head, mark, rest = text.partition("CP=&&")
    inner, end, behind = rest.rpartition("&&")
    if not mark or not end or behind.strip():
        raise PayloadError("CP: expected CP=&&...&& at the end of the data segment")
    if head and not head.endswith(";"):
        raise PayloadError("CP: expected a semicolon before it")
    fields = _pairs(head.rstrip(";").split(";")) if head else {}
    _check_fields(fields)
    groups = [_pairs(group.split(",")) for group in inner.split(";") if group.strip()]
    return Segment(fields, groups)


def format_segment(fields: Mapping[str, str], groups: Sequence[Mapping[str, str]]) -> bytes:
    """Return the bytes of a data segment; what ``parse_segment`` reads is what was given."""
    head = "".join(f"{name}={value};" for name, value in fields.items())
    inner = ";".join(",".join(f"{name}={value}" for name, value in group.items()) for group in groups)
    return f"{head}CP=&&{inner}&&".encode("gbk")


def stamp_ns(text: str, key: str, ahead_ns: int = BEIJING_NS) -> int:
    """Return a time ``yyyyMMddHHmmss`` by a clock that is ahead of UTC by so much. [ns since 1970 UTC]

    Raises
    ------
    PayloadError
        It is no such time.
    """
    if _STAMP.fullmatch(text):
        try:
            since = datetime.strptime(f"{text}+0000", "%Y%m%d%H%M%S%z") - EPOCH
        except ValueError:
            pass
        else:
            return (since.days * 86_400 + since.seconds) * NS - ahead_ns
    raise PayloadError(f"{key}: expected a time as 20260701083000, got {_shown(text)}")


def format_stamp(time_ns: int, *, milliseconds: bool = False) -> str:
    """Return a time [ns since 1970 UTC] as the standard writes it, in Beijing time."""
    time = from_ns(time_ns + BEIJING_NS)
    return f"{time:%Y%m%d%H%M%S}" + (f"{time.microsecond // 1000:03d}" if milliseconds else "")


def _pairs(parts: Sequence[str]) -> dict[str, str]:
    """Read ``name=value`` texts."""
    pairs: dict[str, str] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        name = name.strip()
        if not equals or not name:
            if not part.strip():
                continue
            raise PayloadError(f"expected name=value, got {_shown(part)}")
        if name in pairs:
            raise PayloadError(f"{_shown(name)} comes twice, as {_shown(pairs[name])} and {_shown(value)}")
        pairs[name] = value.strip()
    return pairs


def _check_fields(fields: Mapping[str, str]) -> None:
    for name in ("CN", "ST"):
        if name in fields and not _NUMBER.fullmatch(fields[name]):
            raise PayloadError(f"{name}: expected a number, got {_shown(fields[name])}")
    if "CN" not in fields:
        raise PayloadError("CN is missing: nothing says what the frame is")
    if "MN" in fields and not _MN.fullmatch(fields["MN"]):
        raise PayloadError(f"MN: expected 1 to 40 printable characters, got {_shown(fields['MN'])}")
    if fields.get("QN") and not _QN.fullmatch(fields["QN"]):
        raise PayloadError(f"QN: expected a time of 17 digits, got {_shown(fields['QN'])}")
    if "Flag" in fields and not (_NUMBER.fullmatch(fields["Flag"]) and int(fields["Flag"]) < 256):
        raise PayloadError(f"Flag: expected 0 to 255, got {_shown(fields['Flag'])}")
    for name in ("PNUM", "PNO"):
        if name in fields and not (_NUMBER.fullmatch(fields[name]) and int(fields[name]) <= MAX_PARTS):
            raise PayloadError(f"{name}: expected a number up to {MAX_PARTS}, got {_shown(fields[name])}")


def _shown(text: str) -> str:
    shown = ascii(text)
    return shown if len(shown) <= 80 else shown[:77] + "..."
