"""The store's statements, by name, and its migrations, in order: the files under ``sql/``."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from core.statements import read_statements


def named(file: str) -> Mapping[str, str]:
    """Return name -> statement of a file under ``core/store/sql``; errors as ``read_statements``."""
    return read_statements("core.store", f"sql/{file}")


def query(name: str) -> str:
    """Return a statement of ``queries.sql``."""
    return named("queries.sql")[name]


def migrations() -> list[tuple[str, str]]:
    """Return (file name, text) of the migrations, in their order."""
    folder = files("core.store") / "sql" / "migrations"
    return sorted(
        (entry.name, entry.read_text(encoding="utf-8")) for entry in folder.iterdir() if entry.name.endswith(".sql")
    )
