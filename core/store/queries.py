"""The store's statements, by name, and its migrations, in order: the files under ``sql/``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from core.statements import read_statements

COMMUNITY = "community.sql"
"""What only the community edition of TimescaleDB can do, statement after statement."""
GRAFANA = "grafana.sql"
"""What the panels of the Grafana dashboard ask: for them alone."""


def named(file: str) -> Mapping[str, str]:
    """Return name -> statement of a file under ``core/store/sql``; errors as ``read_statements``."""
    return read_statements("core.store", f"sql/{file}")


@cache
def statements() -> Mapping[str, str]:
    """Return name -> statement of all parts of the store, each of which has a file.

    Raises
    ------
    ValueError
        A name that occurs twice, be it in two files.
    """
    folder = files("core.store") / "sql"
    parts = sorted({entry.name for entry in folder.iterdir() if entry.is_file()} - {COMMUNITY, GRAFANA})
    found: dict[str, str] = {}
    for part in parts:
        if again := found.keys() & named(part).keys():
            raise ValueError(f"{part}: {', '.join(sorted(again))}: another file has a statement of that name")
        found.update(named(part))
    return MappingProxyType(found)


def query(name: str) -> str:
    """Return a statement of a part of the store."""
    return statements()[name]


def migrations() -> list[tuple[str, str]]:
    """Return (file name, text) of the migrations, in their order."""
    folder = files("core.store") / "sql" / "migrations"
    return sorted(
        (entry.name, entry.read_text(encoding="utf-8")) for entry in folder.iterdir() if entry.name.endswith(".sql")
    )
