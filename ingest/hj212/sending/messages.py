"""Frames of what is sent: one message is one frame, or several parts of it where it is long."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.hj212.codec.frame import build_frame
from ingest.hj212.codec.segment import EDITIONS, IS_PART, WANTS_RECEIPT, format_segment, format_stamp
from ingest.hj212.codec.values import TIME
from ingest.hj212.config import Destination
from ingest.hj212.sending.averages import Content, Group

MAX_SENT = 1024
"""Longest data segment that is sent in one piece: so many bytes were allowed in 2017, as we remember. [bytes]"""
VERSIONS = {edition: number for number, edition in EDITIONS.items()}


def build_message(content: Content, to: Destination, qn_ns: int, *, receipt: bool = True) -> tuple[bytes, int]:
    """Return the frames of a message, one behind the other, and how many there are.

    Parameters
    ----------
    content : Content
        What it says.
    to : Destination
        Who we are there, and which edition is spoken.
    qn_ns : int
        The message's name as a time, in whole milliseconds. [ns since 1970 UTC]
    receipt : bool
        Whether a receipt is asked for.
    """
    flag = VERSIONS[to.edition] << 2 | (WANTS_RECEIPT if receipt else 0)
    head = {"QN": format_stamp(qn_ns, milliseconds=True), "ST": to.st, "CN": content.cn, "PW": to.pw, "MN": to.mn}
    first = {TIME: format_stamp(content.time_ns)}
    whole = format_segment({**head, "Flag": str(flag)}, [first, *content.groups])
    if len(whole) <= MAX_SENT:
        return build_frame(whole), 1
    room = MAX_SENT - len(format_segment({**head, "Flag": "999", "PNUM": "9999", "PNO": "9999"}, [first])) - 1
    parts = _split(content.groups, room)
    fields = {**head, "Flag": str(flag | IS_PART), "PNUM": str(len(parts))}
    frames = [build_frame(format_segment({**fields, "PNO": str(i)}, [first, *part])) for i, part in enumerate(parts, 1)]
    return b"".join(frames), len(parts)


def _split(groups: Sequence[Group], room: int) -> list[list[Group]]:
    """Put groups into parts, none longer than the room unless a group alone is."""
    parts: list[list[Group]] = [[]]
    used = 0
    for group in groups:
        length = sum(len(name) + len(value) + 2 for name, value in group.items())
        if parts[-1] and used + length > room:
            parts.append([])
            used = 0
        parts[-1].append(group)
        used += length
    return parts
