"""MQTT topics: ``{root}/{station}/{stream}/{block|reading}``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

from core.errors import PayloadError

Kind = Literal["block", "reading"]

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")  # the same names as in a station file
_KINDS = ("block", "reading")


@dataclass(frozen=True, slots=True)
class Topic:
    """Where a message belongs."""

    station: str
    stream: str
    kind: Kind


def parse(topic: str, root: str) -> Topic:
    """Read a topic below ``root``.

    Raises
    ------
    PayloadError
        Another shape, or a name that no station file may hold.
    """
    levels = topic.removeprefix(root + "/").split("/")
    if not topic.startswith(root + "/") or len(levels) != 3:
        raise PayloadError(f"unknown topic: expected {root}/STATION/STREAM/block or .../reading", topic=topic)
    station, stream, kind = levels
    if kind not in _KINDS:
        raise PayloadError(f"the last level must be block or reading, not {ascii(kind)[:80]}", topic=topic)
    for level in (station, stream):
        if not _NAME.fullmatch(level):
            raise PayloadError(
                f"{ascii(level)[:80]} is no name: lower-case letters, digits and hyphens, at most 63", topic=topic
            )
    return Topic(station, stream, cast(Kind, kind))


def format_topic(topic: Topic, root: str) -> str:
    """Return a topic as it is published."""
    return f"{root}/{topic.station}/{topic.stream}/{topic.kind}"


def block_topic(station: str, stream: str, root: str) -> str:
    """Return the topic of a stream of sample blocks."""
    return format_topic(Topic(station, stream, "block"), root)


def committed_topic(station: str, stream: str, root: str) -> str:
    """Return the topic on which the platform says which blocks of a stream are committed."""
    return f"{root}/{station}/{stream}/committed"


def latest_topic(station: str, stream: str, root: str) -> str:
    """Return the topic on which the platform repeats the newest values of a stream."""
    return f"{root}/{station}/{stream}/latest"


def is_ours(topic: str, root: str) -> bool:
    """Return whether the platform itself publishes on a topic: a collector hears what another one says."""
    return topic.endswith(("/committed", "/latest")) and topic.startswith(root + "/")


def reading_topic(station: str, stream: str, root: str) -> str:
    """Return the topic of a stream of readings."""
    return format_topic(Topic(station, stream, "reading"), root)
