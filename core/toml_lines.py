"""Where a key stands in a TOML text: the library that reads TOML does not say."""

from __future__ import annotations

import re
from collections.abc import Iterator

Path = tuple[str | int, ...]

_TOKEN = re.compile(
    r'''"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|#[^\n]*|[\[\]{}=,.\n]|[^\s\[\]{}=,.#"']+''',
    re.DOTALL,
)


def line_of(text: str, key: str) -> int | None:
    """Return the line of a key, or of the nearest part around it that is there.

    Parameters
    ----------
    text : str
        Valid TOML.
    key : str
        As in a ``ConfigError``: ``stream[0].channels[3].unit``.

    Returns
    -------
    int or None
        From 1; None where not even the first level is there.
    """
    wanted: Path = tuple(int(number) if number else name for name, number in re.findall(r"([^.\[\]]+)|\[(\d+)\]", key))
    places = _Scanner(text).places
    for length in range(len(wanted), 0, -1):
        if wanted[:length] in places:
            return places[wanted[:length]]
    return None


class _Scanner:
    """Walks once through a valid TOML text and notes the line of every key, table and element."""

    def __init__(self, text: str) -> None:
        self.places: dict[Path, int] = {}
        self._tables: dict[Path, int] = {}
        self._tokens = self._lex(text)
        self._table: Path = ()
        self._token, self._line = next(self._tokens)
        while self._token:
            if self._token == "\n":
                self._next()
            elif self._token == "[":
                self._header()
            else:
                self._pair(self._table)

    @staticmethod
    def _lex(text: str) -> Iterator[tuple[str, int]]:
        line, at = 1, 0
        for match in _TOKEN.finditer(text):
            line += text.count("\n", at, match.start())
            at = match.start()
            if not match[0].startswith("#"):
                yield match[0], line
        yield "", line

    def _next(self) -> None:
        self._token, self._line = next(self._tokens)

    def _note(self, path: Path, line: int) -> None:
        self.places.setdefault(path, line)

    def _header(self) -> None:
        line = self._line
        self._next()
        repeated = self._token == "["
        if repeated:
            self._next()
        *parents, last = self._keys()
        path: Path = ()
        for name in parents:
            path = self._inside((*path, name))
            self._note(path, line)
        path = (*path, last)
        if repeated:
            self._tables[path] = self._tables.get(path, -1) + 1
            self._note(path, line)
            path = self._inside(path)
            self._next()
        self._note(path, line)
        self._table = path
        self._next()

    def _inside(self, path: Path) -> Path:
        """Return the path of a table, or of the newest one where there are several."""
        return (*path, self._tables[path]) if path in self._tables else path

    def _keys(self) -> list[str]:
        keys = [self._bare()]
        while self._token == ".":
            self._next()
            keys.append(self._bare())
        return keys

    def _bare(self) -> str:
        name = self._token
        self._next()
        return name[1:-1] if name[:1] in ('"', "'") else name

    def _pair(self, path: Path) -> None:
        line = self._line
        for key in self._keys():
            path = (*path, key)
            self._note(path, line)
        self._next()  # the equals sign
        self._value(path)

    def _value(self, path: Path) -> None:
        if self._token == "[":
            self._next()
            number = 0
            while self._token != "]":
                if self._token in ("\n", ","):
                    number += self._token == ","
                    self._next()
                    continue
                self._note((*path, number), self._line)
                self._value((*path, number))
            self._next()
        elif self._token == "{":
            self._next()
            while self._token != "}":
                if self._token in ("\n", ","):
                    self._next()
                    continue
                self._pair(path)
            self._next()
        else:
            self._next()
            # a number with a point, or a time, is several tokens
            while self._token not in ("", "\n", ",", "]", "}"):
                self._next()
