"""English and Chinese from one catalogue: gettext messages in ``locale/``, read from the .po files themselves."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from babel.core import negotiate_locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

LOCALE = Path(__file__).parent / "locale"
LANGUAGES: Mapping[str, str] = {"en": "English", "zh": "中文"}
DEFAULT = "en"


def choose_language(asked: str | None, accepted: str | None) -> str:
    """Return the language of a page.

    Parameters
    ----------
    asked : str or None
        ``?lang=`` of the address.
    accepted : str or None
        The browser's ``Accept-Language``, best first after sorting by q.
    """
    if asked is not None and asked in LANGUAGES:
        return asked
    best: str | None = negotiate_locale(_sorted(accepted or ""), [*LANGUAGES], sep="-")
    return best or DEFAULT


def _sorted(accepted: str) -> list[str]:
    weighted = []
    for part in accepted.split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            weighted.append((-float(weight or 1), tag))
        except ValueError:
            continue
    return [tag for _, tag in sorted(weighted, key=lambda pair: pair[0])]


@cache
def catalogue(language: str) -> Catalog:
    """Return the catalogue of a language other than English."""
    with (LOCALE / language / "messages.po").open("rb") as file:
        return read_po(file, locale=language)


@cache
def translations(language: str) -> Translations:
    """Return what the templates translate with; English is its own translation."""
    if language == DEFAULT:
        return Translations()
    compiled = io.BytesIO()
    write_mo(compiled, catalogue(language))
    compiled.seek(0)
    return Translations(compiled)


@cache
def script_messages(language: str) -> dict[str, str]:
    """Return English -> translation of the messages that the scripts use."""
    if language == DEFAULT:
        return {}
    return {
        str(message.id): str(message.string)
        for message in catalogue(language)
        if message.id and any(file.endswith(".js") for file, _ in message.locations)
    }
