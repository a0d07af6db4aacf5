"""Typed keys out of a TOML table; an error names file, line, key, expected and got.

Station files are checked by pydantic; here it would cost a seventh of the agent's memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from core.errors import ConfigError
from core.toml_lines import line_of

T = TypeVar("T")

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", list: "a list"}


class TomlTable:
    """The keys of one table, each taken once; what is left over at the end is unknown.

    Parameters
    ----------
    table : mapping of str to object
        As the TOML reader gives it.
    path : str
        The table's name, e.g. ``source[1]``.
    file, text : str
        The file, for messages.
    """

    def __init__(self, table: object, path: str, file: str, text: str) -> None:
        self._path, self._file, self._text = path, file, text
        if not isinstance(table, dict):
            raise self.error("", f"a table [{path}]", repr(table))
        self._left: dict[str, Any] = dict(table)
        self._all = frozenset(table)

    def __contains__(self, key: str) -> bool:
        return key in self._all

    def text(self, key: str, default: str | None = None) -> str:
        """Take a text that is not empty."""
        value = self._take(key, str, default)
        if not value and key in self:
            raise self.error(key, "text", "''")
        return value

    def name(self, key: str) -> str:
        """Take a name as a station file may hold it."""
        value = self.text(key)
        if not NAME.fullmatch(value):
            raise self.error(key, "lower-case letters, digits and hyphens, at most 63", repr(value))
        return value

    def choice(self, key: str, choices: Sequence[str], default: str | None = None) -> str:
        """Take one of several words."""
        value = self.text(key, default)
        if value not in choices:
            raise self.error(key, f"one of {', '.join(choices)}", repr(value))
        return value

    def integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """Take a whole number within [low, high]."""
        return self._within(key, self._take(key, int, default), low, high)

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        """Take a number within [low, high]."""
        return self._within(key, self._take(key, float, default), low, high)

    def boolean(self, key: str, *, default: bool) -> bool:
        """Take true or false."""
        return self._take(key, bool, default)

    def texts(self, key: str, default: Sequence[str] | None = None) -> tuple[str, ...]:
        """Take a list of texts."""
        value = self._take(key, list, None if default is None else list(default))
        for i, one in enumerate(value):
            if not isinstance(one, str):
                raise self.error(f"{key}[{i}]", "text", repr(one))
        return tuple(value)

    def read(self, key: str, reader: Callable[[str], T], expected: str) -> T:
        """Take a text and read it; ``reader`` raises an error on what it cannot read."""
        value = self.text(key)
        try:
            return reader(value)
        except (OSError, ValueError) as cause:
            raise self.error(key, expected, str(cause)) from None

    def finish(self) -> None:
        """Raise an error for a key that nobody took."""
        for key, value in self._left.items():
            raise self.error(key, "no such key", repr(value))

    def error(self, key: str, expected: str, got: str = "nothing") -> ConfigError:
        """Return an error about a key of this table."""
        dotted = ".".join(part for part in (self._path, key) if part)
        shown = got if len(got) <= 80 else got[:77] + "..."
        return ConfigError(self._file, dotted, expected, shown, line_of(self._text, dotted))

    def _take(self, key: str, kind: type[T], default: T | None) -> T:
        value = self._left.pop(key, default)
        if value is None:
            raise self.error(key, "a value")
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise self.error(key, _WORDS[kind], repr(value))
        return value

    def _within(self, key: str, value: T, low: T, high: T) -> T:
        if not low <= value <= high:  # type: ignore[operator]
            raise self.error(key, f"{low} to {high}", repr(value))
        return value
