"""Load SQL statements by name: every statement stands in a file under ``sql/`` after a line ``-- name: NAME``."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: *(\w+) *$", re.MULTILINE)


@cache
def named(file: str) -> dict[str, str]:
    """Return name -> statement of a file under ``core/store/sql``.

    Raises
    ------
    ValueError
        A name that occurs twice.
    """
    text = (files(__package__) / "sql" / file).read_text(encoding="utf-8")
    _, *parts = _NAME.split(text)
    names, statements = parts[::2], parts[1::2]
    if len(set(names)) < len(names):
        raise ValueError(f"{file}: a name occurs twice")
    return {name: statement.strip() for name, statement in zip(names, statements, strict=True)}


def query(name: str) -> str:
    """Return a statement of ``queries.sql``."""
    return named("queries.sql")[name]


def migrations() -> list[tuple[str, str]]:
    """Return (file name, text) of the migrations, in their order."""
    folder = files(__package__) / "sql" / "migrations"
    return sorted(
        (entry.name, entry.read_text(encoding="utf-8")) for entry in folder.iterdir() if entry.name.endswith(".sql")
    )
