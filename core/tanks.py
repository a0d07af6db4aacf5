"""Tanks of calibrated air: files of their own (TOML), for a tank goes from station to station.

A file says the serial, the tank's history, and what it was assigned: per gas and calibration scale
``c0 + c1 t + c2 t2`` with t in years since ``zero``.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import orjson
from pydantic import Field, StringConstraints, ValidationError, model_validator

from core.clock import NS, to_ns
from core.errors import ConfigError
from core.station import Station
from core.station.mole_fraction import Gas, Instant, MoleFraction, Serial, in_ns
from core.station.part import Part, mistake
from core.station.reading import config_error, read_station_text
from core.toml_lines import line_of

YEAR_NS = 365.25 * 86_400 * NS
"""A year of an assignment's t. [ns]"""
Uncertainty = Annotated[float, Field(ge=0)]
ScaleName = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class TankIdentity(Part):
    """Which tank it is."""

    serial: Serial
    description: str = ""
    filled: Instant | None = None


class TankEvent(Part):
    """Something that happened to a tank: filled, moved, connected, calibrated."""

    time: Instant
    what: str = Field(min_length=1)
    where: str = ""


class Assignment(Part):
    """What a tank holds of a gas on a scale: c0 + c1 t + c2 t2, t in years since zero; CO2 in ppm, others in ppb."""

    gas: Gas
    scale: ScaleName
    start: Instant = Field(description="from when on it holds")
    end: Instant | None = Field(None, description="until when; default: the next one of the same gas and scale")
    assign_date: Instant = Field(description="when the laboratory assigned it")
    zero: Instant | None = Field(None, description="where t is 0; default: start")
    c0: float = Field(gt=0)
    c1: float = 0.0
    c2: float = 0.0
    u_c0: Uncertainty = 0.0
    u_c1: Uncertainty = 0.0
    u_c2: Uncertainty = 0.0
    sd_resid: Uncertainty = Field(0.0, description="sd of the laboratory's measurements about the line")

    @model_validator(mode="after")
    def _ends_later(self) -> Assignment:
        if self.end is not None and self.end <= self.start:
            raise mistake("end", f"later than start, {self.start.isoformat()}", self.end.isoformat())
        return self

    def at(self, time_ns: int) -> tuple[float, float]:
        """Return the assigned value and its uncertainty (1 sigma) at a time, in the gas's unit."""
        years = (time_ns - to_ns(self.start if self.zero is None else self.zero)) / YEAR_NS
        value = self.c0 + self.c1 * years + self.c2 * years * years
        square = self.u_c0**2 + (self.u_c1 * years) ** 2 + (self.u_c2 * years * years) ** 2
        return value, float(square**0.5)


class Tank(Part):
    """A whole tank file."""

    tank: TankIdentity
    history: tuple[TankEvent, ...] = ()
    assignment: tuple[Assignment, ...] = Field(min_length=1)

    @property
    def serial(self) -> str:
        """Serial of the tank."""
        return self.tank.serial

    @model_validator(mode="after")
    def _assignments_do_not_overlap(self) -> Tank:
        for i, one in enumerate(self.assignment):
            for earlier in self.assignment[:i]:
                if (one.gas, one.scale) == (earlier.gas, earlier.scale) and _overlap(one, earlier):
                    got = f"{one.gas} on {one.scale} from {one.start.date()} and from {earlier.start.date()}"
                    raise mistake(f"assignment[{i}].start", "assignments that do not overlap: set `end`", got)
        return self

    def assignment_at(self, gas: str, scale: str, time_ns: int) -> Assignment | None:
        """Return the assignment of a gas on a scale that holds at a time, None if there is none."""
        found = [one for one in self.assignment if (one.gas, one.scale) == (gas, scale) and _holds(one, time_ns)]
        return max(found, key=lambda one: one.start, default=None)

    def scales_of(self, gas: str) -> tuple[str, ...]:
        """Return the scales on which a gas is assigned."""
        return tuple(dict.fromkeys(one.scale for one in self.assignment if one.gas == gas))


@dataclass(frozen=True)
class Tanks:
    """The tanks that a station's values rest on, by serial, each with the SHA-256 of its file."""

    by_serial: Mapping[str, Tank]
    sha256: str = ""
    """SHA-256 of all files: by this a result names the tanks that made it."""

    @classmethod
    def of(cls, tanks: Iterable[Tank], texts: Iterable[str] = ()) -> Tanks:
        """Return tanks by serial; the texts of their files are what the SHA-256 is made of."""
        return cls({one.serial: one for one in tanks}, tanks_sha256(texts))

    def __getitem__(self, serial: str) -> Tank:
        return self.by_serial[serial]

    def __contains__(self, serial: object) -> bool:
        return serial in self.by_serial


def tanks_sha256(texts: Iterable[str]) -> str:
    """Return the SHA-256 by which a result names the tank files that made it, in whatever order they come."""
    return hashlib.sha256(
        "\n".join(sorted(hashlib.sha256(one.encode()).hexdigest() for one in texts)).encode()
    ).hexdigest()


def parse_tank(text: str, file: str, *, now: datetime) -> Tank:
    """Read and validate the text of a tank file.

    Parameters
    ----------
    text : str
        TOML.
    file : str
        What to call it in errors.
    now : datetime
        Aware; what starts or was assigned later is a mistake.

    Raises
    ------
    ConfigError
        Unknown keys, wrong types, assignments that overlap, a calibration in the future: names file, line, key,
        expected and got.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise ConfigError(
            file, "(syntax)", "TOML", str(error), int(line[1]) if line else text.count("\n") + 1
        ) from None
    try:
        tank = Tank.model_validate_json(orjson.dumps(raw, default=str))
    except ValidationError as error:
        raise config_error(file, text, error) from None
    for i, one in enumerate(tank.assignment):
        for key in ("start", "assign_date"):
            if getattr(one, key) > now:
                where = f"assignment[{i}].{key}"
                expected = f"a calibration that was made, not later than {now:%Y-%m-%d}"
                raise ConfigError(file, where, expected, f"{getattr(one, key):%Y-%m-%d}", line_of(text, where))
    return tank


def read_tank(path: Path, *, now: datetime) -> tuple[Tank, str]:
    """Read and validate a tank file; return its text, too.

    Raises
    ------
    ConfigError
        As ``parse_tank``, and for a file that cannot be read.
    """
    text = read_station_text(path)
    return parse_tank(text, path.name, now=now), text


def check_tanks(station: Station, tanks: Tanks, file: str, text: str = "") -> None:
    """Check that every tank of a station file is known, and that it is assigned where it must be.

    Parameters
    ----------
    station : Station
        With or without a part ``[mole_fraction]``.
    tanks : Tanks
        Those that are registered.
    file, text : str
        What to call the station file in errors, and its text, for the line.

    Raises
    ------
    ConfigError
        An unknown tank; a standard or target without an assignment of a gas.
    """
    part = station.mole_fraction
    if part is None:
        return
    for i, port in enumerate(part.port):
        if port.tank is None:
            continue
        key = f"mole_fraction.port[{i}].tank"
        if port.tank not in tanks:
            expected = "a registered tank: `fluxtower tank add FILE.toml` registers one"
            raise ConfigError(file, key, expected, f"{port.tank!r}", line_of(text, key) if text else None)
        lacking = _unassigned(part, tanks[port.tank]) if port.role != "reference" else []
        if lacking:
            expected = f"a tank with an assignment of {', '.join(lacking)}"
            raise ConfigError(file, key, expected, f"{port.tank!r} without", line_of(text, key) if text else None)


def _unassigned(part: MoleFraction, tank: Tank) -> list[str]:
    return [gas.name for gas in part.gas if not tank.scales_of(gas.name)]


def _overlap(one: Assignment, other: Assignment) -> bool:
    first, second = sorted((one, other), key=lambda each: each.start)
    return first.start == second.start or (first.end is not None and second.start < first.end)


def _holds(one: Assignment, time_ns: int) -> bool:
    end = in_ns(one.end)
    return to_ns(one.start) <= time_ns and (end is None or time_ns < end)
