from __future__ import annotations

import tomllib
from collections.abc import Iterator

import pytest

from core.settings import ROOT
from core.toml_lines import line_of
from tests.ingest.foreign import FILE

FILES = [path.read_text() for path in sorted((ROOT / "deploy" / "demo" / "stations").glob("*.toml"))]
HARD = (
    """
# a comment with [brackets] and "quotes"
top = 1.5

[a]
"b.c" = "x # no comment = [1]"
d.e = 'its'
long = QQQ
[no.table]
not = "a key"
QQQ
raw = '''
d.e = 3'''
list = [
    1, # one
    [2, 3], "]",
    { x = 1, y = { z = 2 } },
]
when = 2026-07-01 00:00:00
dotted = { p.q = 1 }

[[a.many]]
n = 1
[[a.many]]
n = 2
[a.many.inside]
n = 3
[[a.many.inner]]
n = 4
"""
).replace("QQQ", '"' * 3)


def leaves(value: object, key: str = "") -> Iterator[tuple[str, str, object]]:
    """Every value of a document: (its whole key, its own key, the value)."""
    if isinstance(value, dict):
        for name, inner in value.items():
            for whole, own, leaf in leaves(inner, f"{key}.{name}" if key else name):
                yield whole, own or name, leaf
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from leaves(inner, f"{key}[{i}]")
    else:
        yield key, "", value


@pytest.mark.parametrize("text", [*FILES, FILE], ids=range(len(FILES) + 1))
def test_every_value_of_a_station_file_is_found_on_its_line(text: str) -> None:
    found = list(leaves(tomllib.loads(text)))
    assert len(found) > 20
    for key, own, value in found:
        line = text.splitlines()[(line_of(text, key) or 0) - 1]
        assert own in line
        assert str(value).lower() in line.lower()


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("top", "top = 1.5"),
        ("a", "[a]"),
        ("a.d.e", "d.e = 'its'"),
        ("a.d", "d.e = 'its'"),
        ("a.long", 'long = """'),
        ("a.raw", "raw = '''"),
        ("a.list", "list = ["),
        ("a.list[0]", "    1, # one"),
        ("a.list[1][1]", '    [2, 3], "]",'),
        ("a.list[2]", '    [2, 3], "]",'),
        ("a.list[3].y.z", "    { x = 1, y = { z = 2 } },"),
        ("a.list[3].nothing", "    { x = 1, y = { z = 2 } },"),
        ("a.when", "when = 2026-07-01 00:00:00"),
        ("a.dotted.p.q", "dotted = { p.q = 1 }"),
        ("a.many[1].n", "n = 2"),
        ("a.many[1].inside.n", "n = 3"),
        ("a.many[1].inner[0].n", "n = 4"),
        ("a.many[0].rate", "[[a.many]]"),
        ("a.nothing.at.all", "[a]"),
    ],
)
def test_hard_texts(key: str, line: str) -> None:
    tomllib.loads(HARD)  # it is valid
    found = line_of(HARD, key)
    assert found is not None
    assert HARD.splitlines()[found - 1] == line


def test_what_is_not_there_has_no_line() -> None:
    assert line_of(HARD, "nowhere.x") is None
    assert line_of("", "x") is None
