"""Where a key stands in a TOML text: the reader of the standard library does not say it."""

from __future__ import annotations

import re

_HEADER = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_\-. ]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"\s*([A-Za-z0-9_\-.]+)\s*=")


def find_line(text: str, key: str) -> int:
    """Return the line of a key, or of the innermost table around it that is written there.

    Parameters
    ----------
    text : str
        TOML.
    key : str
        Dotted, with numbers from 0 in arrays: ``stream[1].rate``.

    Returns
    -------
    int
        Counted from 1; 1 if nothing of the key is there.
    """
    lines: dict[str, int] = {}
    counts: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        header, pair = _HEADER.match(line), _KEY.match(line)
        if header:
            table = _numbered(header[2].replace(" ", ""), counts, is_new=header[1] == "[[")
            lines.setdefault(table, number)
        elif pair:
            lines.setdefault(f"{table}.{pair[1]}" if table else pair[1], number)
    wanted = key
    while wanted and wanted not in lines:
        # from the inside outwards: a.b[2].c, a.b[2], a.b, a
        wanted = re.sub(r"(\.[^.\[\]]+|\[\d+\]|^[^.\[\]]+)$", "", wanted)
    return lines.get(wanted, 1)


def _numbered(name: str, counts: dict[str, int], *, is_new: bool) -> str:
    """Return a table's name with the number that each array of tables within it has reached."""
    path = ""
    parts = name.split(".")
    for i, part in enumerate(parts):
        path = f"{path}.{part}" if path else part
        if is_new and i == len(parts) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = f"{path}[{counts[path]}]"
    return path
