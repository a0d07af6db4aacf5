"""A key's line is found as a person would find it."""

from __future__ import annotations

import pytest

from core.toml_lines import find_line

TEXT = """\
# a comment with key = 1
title = "x"

[site]
height = 3
[site.tube]
length = 1

[[stream]]
name = "a"
  [[stream.channels]]
  unit = "m"
[[stream]]
name = "b"
channels = [
    {name = "u"},
]
"""


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("title", 2),
        ("site", 4),
        ("site.height", 5),
        ("site.missing", 4),
        ("site.tube.length", 7),
        ("stream[0].name", 10),
        ("stream[0].channels[0].unit", 12),
        ("stream[0].channels[0].missing", 11),
        ("stream[1].name", 14),
        ("stream[1].channels[0].name", 15),
        ("stream[1].rate", 13),
        ("nothing.here[3].at.all", 1),
        ("", 1),
    ],
)
def test_a_key_is_found_where_it_stands(key: str, line: int) -> None:
    assert find_line(TEXT, key) == line
