"""Files on the command line: named one by one, or directories of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.errors import ConfigError


def find_files(places: Sequence[Path], pattern: str, *, required: bool = True) -> list[Path]:
    """Return the files named, and those in the directories named that fit a pattern; hidden ones are left out.

    Raises
    ------
    ConfigError
        One is not there, or ``required`` and there is none at all.
    """
    found: dict[Path, None] = {}
    for place in places:
        if place.is_dir():
            inside = (file for file in sorted(place.rglob(pattern)) if file.is_file())
            found |= dict.fromkeys(
                file for file in inside if not any(part.startswith(".") for part in file.relative_to(place).parts)
            )
        elif place.exists():
            found[place] = None
        else:
            raise ConfigError(str(place), "(file)", "a raw file or a directory of raw files", "nothing there")
    if required and not found:
        raise ConfigError(", ".join(map(str, places)), "(files)", f"raw files named {pattern}", "none")
    return list(found)
