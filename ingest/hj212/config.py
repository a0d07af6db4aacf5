"""The installation's file of HJ 212: who may send to us, with which password, and to whom we send what.

Passwords have no place in a station file, which is stored, versioned and handed on.
"""

from __future__ import annotations

import logging
import stat
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import orjson
from pydantic import Field, StringConstraints, ValidationError, model_validator

from core.errors import ConfigError
from core.settings import Settings
from core.station import Station, Stream
from core.station.part import Name, Part, mistake, require_different
from core.variables import base_name, units_for

FILE = "hj212.toml"
Device = Annotated[str, StringConstraints(pattern=r"^[!-:<-~]{1,40}$")]
Password = Annotated[str, StringConstraints(pattern=r"^[!-:<-~]{1,32}$")]

log = logging.getLogger(__name__)


class SentValue(Part):
    """A channel that is sent, and what the receiver calls it."""

    channel: str
    code: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,20}$")]
    unit: str
    digits: int = Field(3, ge=0, le=9, description="digits behind the point")


class SentStream(Part):
    """A stream of readings that is sent, and as what."""

    name: str
    cn: tuple[Literal["2011", "2051", "2061"], ...] = Field(min_length=1)
    minutes: int = Field(1, ge=1, le=60, description="length of the averages of 2051; divides an hour")
    values: tuple[SentValue, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_clear(self) -> SentStream:
        require_different("cn", list(self.cn))
        require_different("values", [value.code for value in self.values])
        require_different("values", [value.channel for value in self.values])
        if 60 % self.minutes:
            raise mistake("minutes", "a number that divides an hour", f"{self.minutes}")
        return self


class Destination(Part):
    """A bureau's platform, and who we are there."""

    name: Name
    host: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    port: int = Field(ge=1, le=65535)
    station: str
    mn: Device
    pw: Password
    st: Annotated[str, StringConstraints(pattern=r"^[0-9]{2,5}$")] = "22"
    edition: Literal["2017", "2025"] = "2017"
    days: float = Field(7.0, gt=0, le=366, description="how far back it is looked for what was not sent")
    settle_seconds: float = Field(30.0, ge=0, le=86400, description="how long what is sent waits for its flags")
    wait_seconds: float = Field(3600.0, ge=0, le=864000, description="how long an average waits for missing readings")
    resend_seconds: float = Field(
        30.0, ge=1, le=3600, description="after which a message without receipt is sent again"
    )
    window: int = Field(5, ge=1, le=100, description="most messages without a receipt")
    least_share: float = Field(0.75, gt=0, le=1, description="share of good readings that an average needs for N")
    stream: tuple[SentStream, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _streams_differ(self) -> Destination:
        require_different("stream", [one.name for one in self.stream])
        return self


class Exchange(Part):
    """The whole file."""

    devices: dict[Device, Password] = Field(default_factory=dict)
    destination: tuple[Destination, ...] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> Exchange:
        require_different("destination", [one.name for one in self.destination])
        return self


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
        context = first.get("ctx", {})
        if first["type"] == "mistake":
            raise ConfigError(str(path), f"{key}.{context['key']}", context["expected"], context["got"]) from None
        is_secret = "pw" in first["loc"] or "devices" in first["loc"]
        got = "(not shown)" if is_secret else repr(first["input"])[:80]
        expected = first["msg"].removeprefix("Input should be ")
        raise ConfigError(str(path), "devices" if "devices" in first["loc"] else key, expected, got) from None


def check_destination(destination: Destination, station: Station, path: Path) -> None:
    """Check that a destination asks for what its station measures, in units that measure it.

    Raises
    ------
    ConfigError
        A stream, channel or unit that is not there; names the key.
    """
    for i, sent in enumerate(destination.stream):
        key = f"destination {destination.name}: stream[{i}]"
        stream = station.streams.get(sent.name)
        if stream is None or stream.kind != "reading":
            names = ", ".join(one.name for one in station.stream if one.kind == "reading")
            raise ConfigError(
                str(path), f"{key}.name", f"a stream of readings of {station.id} ({names})", repr(sent.name)
            )
        for j, value in enumerate(sent.values):
            _check_value(value, stream, path, f"{key}.values[{j}]")


def _check_value(value: SentValue, stream: Stream, path: Path, key: str) -> None:
    channel = stream.channel_called(value.channel)
    if channel is None:
        listed = ", ".join(stream.channel_index)
        raise ConfigError(str(path), f"{key}.channel", f"a channel of {stream.name} ({listed})", repr(value.channel))
    if base_name(channel.variable).startswith("DIAG"):
        raise ConfigError(
            str(path), f"{key}.channel", "a measured quantity: a diagnostic word has no average", value.channel
        )
    units = units_for(channel.variable)
    if value.unit not in units:
        raise ConfigError(str(path), f"{key}.unit", f"one of {', '.join(units)}", repr(value.unit))
