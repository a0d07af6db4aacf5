"""Whether a logger is online: the retained message that it publishes, and leaves as its last will."""

from __future__ import annotations

from core.errors import PayloadError
from core.records import LoggerState
from ingest.payloads.checks import check_size, json_value, member, shown
from ingest.payloads.format import MessageSource

STATE_WORDS = {"online": True, "offline": False}


def decode(source: MessageSource, payload: bytes, now_ns: int) -> list[LoggerState]:
    """Decode ``{"clientId": "CR1000X_70681", "state": "offline", "reason": "..."}``, or the bare word.

    Raises
    ------
    PayloadError
        Anything else, whatever the bytes are.
    """
    check_size(payload)
    word = payload[:16].strip().lower().decode("ascii", "replace")
    if word in STATE_WORDS and len(payload) <= 16:
        return [LoggerState(source.station, "", STATE_WORDS[word])]
    content = json_value(payload)
    word = member(content, "state", str).lower()
    if word not in STATE_WORDS:
        raise PayloadError(f"state: expected 'online' or 'offline', got {shown(word)}")
    assert isinstance(content, dict)
    logger, reason = (shown(content[key])[1:-1] if isinstance(content.get(key), str) else "" for key in _WHO_AND_WHY)
    return [LoggerState(source.station, logger, STATE_WORDS[word], reason)]


_WHO_AND_WHY = ("clientId", "reason")
