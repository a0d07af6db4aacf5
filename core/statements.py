"""Load SQL statements by name: every statement stands in a ``.sql`` file after a line ``-- name: NAME``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_NAME = re.compile(r"^-- name: *(\w+) *$", re.MULTILINE)


@cache
def read_statements(package: str, file: str) -> Mapping[str, str]:
    """Return name -> statement of a package's file.

    Parameters
    ----------
    package : str
        Full name of an import package.
    file : str
        Path in its folder.

    Raises
    ------
    ValueError
        A name that occurs twice.
    """
    text = files(package).joinpath(file).read_text(encoding="utf-8")
    _, *parts = _NAME.split(text)
    names, statements = parts[::2], parts[1::2]
    if len(set(names)) < len(names):
        raise ValueError(f"{file}: a name occurs twice")
    return MappingProxyType({name: statement.strip() for name, statement in zip(names, statements, strict=True)})
