"""Reading station files: every mistake is a ``ConfigError`` that names file, line, key, expected and got."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from core.errors import ConfigError
from core.station.whole import SeasonStation, Station
from core.toml_lines import line_of


def parse_station(text: str, file: str, *, streams: bool = True) -> Station:
    """Read and validate the text of a station file.

    Parameters
    ----------
    text : str
        TOML.
    file : str
        What to call it in errors.
    streams : bool
        Whether it needs a stream; a season of a table needs none.

    Raises
    ------
    ConfigError
        Unknown keys, wrong types or units, impossible geometry: names file, line, key, expected and got.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        last = text.count("\n") + 1  # the library says "at end of document"
        raise ConfigError(file, "(syntax)", "TOML", str(error), int(line[1]) if line else last) from None
    try:
        return (Station if streams else SeasonStation).model_validate_json(_json(raw))
    except ValidationError as error:
        raise config_error(file, text, error) from None


def station_json(station: Station) -> str:
    """Return a station as JSON, which ``parse_station_json`` reads much faster than TOML is read."""
    return station.model_dump_json(exclude_unset=True)


def parse_station_json(text: str) -> Station:
    """Read what ``station_json`` returned.

    Raises
    ------
    ConfigError
        It is not valid (any more).
    """
    try:
        return Station.model_validate_json(text)
    except ValidationError as error:
        raise config_error("(stored station)", "", error) from None


def read_station(path: Path, *, streams: bool = True) -> Station:
    """Read and validate a station file; whether it needs a stream is as in ``parse_station``.

    Raises
    ------
    ConfigError
        As ``parse_station``, and for a file that cannot be read.
    """
    return parse_station(read_station_text(path), path.name, streams=streams)


def read_station_text(path: Path) -> str:
    """Return a station file's text; a file that cannot be read is a ``ConfigError``."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), "(file)", "a readable UTF-8 text file", str(error)) from None


def with_line(error: ConfigError, text: str) -> ConfigError:
    """Return the error, and others that it holds, with the line on which its key stands in a station file's text."""
    more = [with_line(one, text) for one in error.more]
    return ConfigError(error.file, error.key, error.expected, error.got, line_of(text, error.key), more)


def config_sha256(text: str) -> str:
    """Return the SHA-256 by which a result names the configuration that made it."""
    return hashlib.sha256(text.encode()).hexdigest()


def _json(raw: dict[str, Any]) -> bytes:
    # TOML dates have no place in a station file: they come out as strings and fail where a number is expected
    return orjson.dumps(raw, default=str)


def config_error(file: str, text: str, error: ValidationError) -> ConfigError:
    """Turn pydantic's complaints into ours.

    A list of which no item is valid is called too short, too: that says nothing new. An unknown key comes first: it is
    mostly the misspelt form of one that is then missing.
    """
    complaints = error.errors()
    inner = [one for one in complaints if not any(_is_inside(other["loc"], one["loc"]) for other in complaints)]
    inner.sort(key=lambda one: one["type"] != "extra_forbidden")
    first, *others = [with_line(ConfigError(file, *_explain(one)), text) for one in inner]
    return ConfigError(file, first.key, first.expected, first.got, first.line, others)


def _is_inside(place: tuple[int | str, ...], outer: tuple[int | str, ...]) -> bool:
    return len(place) > len(outer) and place[: len(outer)] == outer


def _explain(complaint: ErrorDetails) -> tuple[str, str, str]:
    """Return (key, expected, got) of one complaint."""
    key = ".".join(str(part) if isinstance(part, str) else f"[{part}]" for part in complaint["loc"]).replace(".[", "[")
    match complaint["type"]:
        case "mistake":
            context = complaint["ctx"]
            return ".".join(part for part in (key, context["key"]) if part), context["expected"], context["got"]
        case "extra_forbidden":
            return key, "no such key", _shown(complaint["input"])
        case "missing" | "too_short" if key == "stream":
            return key, "a part [[stream]]; the season of a table alone needs none", "nothing"
        case "missing":
            return key, "a value", "nothing"
        case _:
            return key, complaint["msg"].removeprefix("Input should be "), _shown(complaint["input"])


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
