"""Receipts: what a receiver answers when it has the data, and how a sender knows which message that is for."""

from __future__ import annotations

from ingest.hj212.codec.frame import build_frame
from ingest.hj212.codec.segment import IS_PART, NOTICE_RECEIPT, RECEIPT, Segment, format_segment

SYSTEM = "91"
"""``ST`` of messages about the exchange itself."""


def build_receipt(of: Segment) -> bytes:
    """Return the frame that says that a message has come: 9014 for data (CN 2...), 9013 for other notices.

    It has the message's ``QN`` and edition. In the edition of 2005 ``QN`` and ``CN`` stand inside ``CP``.
    """
    command = RECEIPT if of.cn.startswith("2") else NOTICE_RECEIPT
    if of.flag >> 2 == 0:
        return build_frame(format_segment({"ST": SYSTEM, "CN": command}, [{"QN": of.qn}, {"CN": of.cn}]))
    is_part = of.flag & IS_PART
    fields = {"QN": of.qn, "ST": SYSTEM, "CN": command, "PW": of.pw, "MN": of.mn, "Flag": str(of.flag & ~3 | is_part)}
    if is_part:
        fields |= {name: of.fields[name] for name in ("PNUM", "PNO") if name in of.fields}
    return build_frame(format_segment(fields, []))


def received(answer: Segment) -> str:
    """Return the ``QN`` of the data message that an answer says has come; empty if it is no receipt of data."""
    if answer.cn != RECEIPT:
        return ""
    return answer.qn or answer.parameter("QN") or ""
