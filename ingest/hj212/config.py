"""The installation's file of HJ 212: who may send to us, with which password.

Passwords have no place in a station file, which is stored, versioned and handed on.
"""

from __future__ import annotations

import logging
import stat
import tomllib
from pathlib import Path
from typing import Annotated

import orjson
from pydantic import Field, StringConstraints, ValidationError

from core.errors import ConfigError
from core.settings import Settings
from core.station.part import Part

FILE = "hj212.toml"
Device = Annotated[str, StringConstraints(pattern=r"^[!-:<-~]{1,40}$")]
Password = Annotated[str, StringConstraints(pattern=r"^[!-:<-~]{1,32}$")]

log = logging.getLogger(__name__)


class Exchange(Part):
    """The whole file."""

    devices: dict[Device, Password] = Field(default_factory=dict)


def exchange_path(settings: Settings) -> Path:
    """Return where the file is: as the settings say, or among the secrets."""
    return settings.hj212_file or settings.var / "secrets" / FILE


def read_exchange(path: Path) -> Exchange:
    """Read the installation's file.

    Raises
    ------
    ConfigError
        It cannot be read, or says what cannot be; names file, key, expected and got, but no password.
    """
    try:
        text = path.read_text(encoding="utf-8")
        raw = tomllib.loads(text)
    except FileNotFoundError:
        expected = "a file that says who may send and where to send (docs/formats/hj212.md; FLUXTOWER_HJ212_FILE)"
        raise ConfigError(str(path), "(file)", expected, "none") from None
    except (OSError, ValueError) as error:
        raise ConfigError(str(path), "(file)", "a readable TOML file", str(error)) from None
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        log.warning("%s has passwords in it and can be read by others: chmod 600 %s", path, path)
    try:
        return Exchange.model_validate_json(orjson.dumps(raw, default=str))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "(file)"
        is_secret = "pw" in first["loc"] or "devices" in first["loc"]
        got = "(not shown)" if is_secret else repr(first["input"])[:80]
        expected = first["msg"].removeprefix("Input should be ")
        raise ConfigError(str(path), "devices" if "devices" in first["loc"] else key, expected, got) from None
