"""Files on the command line: named one by one, or directories of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.errors import ConfigError


def find_files(paths: Sequence[Path], pattern: str, *, required: bool = True) -> list[Path]:
    """Return the files named, and those in the directories named that fit a pattern; hidden ones are left out.

    Raises
    ------
    ConfigError
        One is not there, or ``required`` and there is none at all.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = (file for file in sorted(path.rglob(pattern)) if file.is_file())
            found |= dict.fromkeys(
                file for file in inside if not any(part.startswith(".") for part in file.relative_to(path).parts)
            )
        elif path.exists():
            found[path] = None
        else:
            raise ConfigError(str(path), "(file)", "a raw file or a directory of raw files", "nothing there")
    if required and not found:
        raise ConfigError(", ".join(map(str, paths)), "(files)", f"raw files named {pattern}", "none")
    return list(found)
