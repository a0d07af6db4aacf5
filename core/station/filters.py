"""MQTT topic filters: whether one is well formed, and whether two of them can mean the same topic."""

from __future__ import annotations

MAX_TOPIC_BYTES = 65_535
"""Longest topic that MQTT can carry. [bytes]"""


def fault(topic: str) -> str:
    """Return what is wrong with a topic filter in words, empty if nothing is."""
    levels = topic.split("/")
    if not topic or len(topic.encode()) > MAX_TOPIC_BYTES:
        return f"1 to {MAX_TOPIC_BYTES} bytes"
    if topic.startswith("$"):
        return "it must not begin with $"
    if any(character < " " for character in topic):
        return "no control characters"
    if any(len(level) > 1 and ("+" in level or "#" in level) for level in levels):
        return "+ and # stand for whole levels"
    if "#" in levels[:-1]:
        return "# is the last level"
    return ""


def overlap(one: str, other: str) -> bool:
    """Return whether a topic exists that both filters match."""
    a, b = one.split("/"), other.split("/")
    for i in range(max(len(a), len(b))):
        # a/# matches a, too
        if a[i : i + 1] == ["#"] or b[i : i + 1] == ["#"]:
            return True
        if i >= len(a) or i >= len(b):
            return False
        if a[i] != b[i] and a[i] != "+" and b[i] != "+":
            return False
    return True
