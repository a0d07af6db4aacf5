"""Statements by name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from core.statements import read_statements

FILE = """
-- a word before the first name

-- name: one
-- why it is so
SELECT 1;

-- name:two
SELECT 2;
SELECT '-- name: three';
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a package of its own, so that nothing of another test is remembered."""
    name = f"pack_{tmp_path.name}"
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return name


def test_a_statement_is_what_follows_its_name(package: str, tmp_path: Path) -> None:
    (tmp_path / package / "x.sql").write_text(FILE)
    assert read_statements(package, "x.sql") == {
        "one": "-- why it is so\nSELECT 1;",
        "two": "SELECT 2;\nSELECT '-- name: three';",
    }


def test_a_name_that_occurs_twice_is_refused(package: str, tmp_path: Path) -> None:
    (tmp_path / package / "x.sql").write_text(FILE.replace("two", "one"))
    with pytest.raises(ValueError, match=r"x\.sql: a name occurs twice"):
        read_statements(package, "x.sql")
