"""Station files as settings, a line a key, and what differs between two of them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any, Literal

import orjson

PRIVATE_KEYS = frozenset({"state_topics", "topic", "topics"})
"""Of the broker, and nothing to a reader."""
_NAMING = ("name", "model")


def setting_lines(text: str) -> list[str]:
    """Return ``key = value`` of everything that a station file says, in its order; comments are left out."""
    return list(_lines(tomllib.loads(text), ""))


def diff_settings(old: str | None, new: str, old_name: str, new_name: str) -> tuple[str, int]:
    """Return the unified diff of two station files' settings, and how many keys came, went or changed.

    Parameters
    ----------
    old, new : str
        Texts of the files; without ``old`` everything is new.
    old_name, new_name : str
        What the diff calls them.
    """
    before, after = ([] if text is None else setting_lines(text) for text in (old, new))
    diff = [*unified_diff(before, after, old_name, new_name, n=2, lineterm="")]
    differing = {line.partition(" = ")[0] for line in {*before} ^ {*after}}
    return "\n".join(diff), len(differing)


@dataclass(frozen=True, slots=True)
class Sensor:
    """An instrument, or a channel of slow readings, as a station file declares it.

    Attributes
    ----------
    name : str
        Model of an instrument, name of a channel.
    stream : str or None
        Stream that carries it, where that is declared.
    variables : tuple of str
        What it measures.
    declared : mapping
        Everything else that is said of it.
    """

    kind: Literal["sonic", "analyzer", "reading"]
    name: str
    stream: str | None
    variables: tuple[str, ...]
    declared: Mapping[str, Any]


def find_sensors(text: str) -> list[Sensor]:
    """Return the sonic, the analysers and the slow channels that a station file declares."""
    said = tomllib.loads(text)
    found = []
    if "sonic" in said:
        declared = {key: value for key, value in said["sonic"].items() if key != "model"}
        found.append(Sensor("sonic", said["sonic"]["model"], None, ("U", "V", "W", "T_SONIC"), declared))
    for one in said.get("analyzer", ()):
        declared = {key: value for key, value in one.items() if key not in ("model", "gases")}
        found.append(Sensor("analyzer", one["model"], None, tuple(one["gases"]), declared))
    for stream in said["stream"]:
        if stream["kind"] == "reading":
            step = {"interval": stream["interval"]}
            for channel in stream["channels"]:
                declared = {key: value for key, value in channel.items() if key not in ("name", "variable")}
                known = (channel["variable"],)
                found.append(Sensor("reading", channel["name"], stream["name"], known, step | declared))
    return found


def _lines(said: object, path: str) -> Iterator[str]:
    if isinstance(said, Mapping):
        for key, value in said.items():
            if key not in PRIVATE_KEYS:
                yield from _lines(value, f"{path}.{key}" if path else key)
    elif isinstance(said, list) and said and all(isinstance(one, Mapping) for one in said):
        for number, one in enumerate(said):
            yield from _lines(one, f"{path}[{_name_of(one) or number}]")
    else:
        yield f"{path} = {orjson.dumps(said, default=str).decode()}"


def _name_of(part: Mapping[str, Any]) -> str | None:
    return next((str(part[key]) for key in _NAMING if key in part), None)
