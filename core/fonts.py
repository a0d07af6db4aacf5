"""The font of documents: one with Latin and Chinese characters, the same on every machine."""

from __future__ import annotations

from pathlib import Path

from core.errors import SetupError
from core.settings import Settings

FAMILY = "WenQuanYi Micro Hei"
FILE = "wqy-microhei.ttc"
PACKAGE = "fonts-wqy-microhei"
"""Debian's package of it."""
SYSTEM_FOLDER = Path("/usr/share/fonts")


def font_home(settings: Settings) -> Path:
    """Return the folder where our own copy is installed."""
    return (settings.native or settings.var / "native").absolute() / "fonts"


def find_font(settings: Settings) -> Path:
    """Return the folder with the font: our own, else the machine's.

    Raises
    ------
    SetupError
        There is none.
    """
    for folder in (font_home(settings), SYSTEM_FOLDER):
        found = next(folder.rglob(FILE), None) if folder.is_dir() else None
        if found is not None:
            return found.parent
    raise SetupError(
        f"there is no font {FAMILY} for documents in Chinese", f"run scripts/setup, or apt-get install {PACKAGE}"
    )
