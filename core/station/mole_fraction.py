"""The part ``[mole_fraction]`` of a station file: an analyser of CO2, CH4, CO or N2O behind a valve, and its tanks.

Tanks have files of their own (``core.tanks``): they go from station to station. Here stands which one is at which port.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from core.clock import NS, to_ns
from core.station.part import Name, Part, mistake, require_different

Gas = Literal["CO2", "CH4", "CO", "N2O"]
Role = Literal["reference", "standard", "target"]
GAS_UNITS: dict[str, str] = {"CO2": "umol mol-1", "CH4": "nmol mol-1", "CO": "nmol mol-1", "N2O": "nmol mol-1"}
"""The unit in which a dry mole fraction is published, and in which tanks are assigned."""
SCALES: dict[str, str] = {
    "CO2": "WMO-CO2-X2019",
    "CH4": "WMO-CH4-X2004A",
    "CO": "WMO-CO-X2014A",
    "N2O": "NOAA-2006A",
}
"""The WMO/GAW calibration scale of each gas."""
GOALS: dict[str, float] = {"CO2": 0.1, "CH4": 2.0, "CO": 2.0, "N2O": 0.1}
"""Network compatibility goals of WMO/GAW in the unit of the gas; CO2 as in the northern hemisphere."""


def read_instant(value: object) -> object:
    """Read a date (midnight UTC) or a time with a zone; what is neither is left to the type."""
    if isinstance(value, str):
        try:
            if len(value) == 10:
                day = date.fromisoformat(value)
                return datetime(day.year, day.month, day.day, tzinfo=UTC)
            value = datetime.fromisoformat(value)
        except ValueError:
            return value
    if isinstance(value, datetime) and value.tzinfo is None:
        expected = "a time with its zone, such as 2026-01-01T08:00:00+08:00, or a date (midnight UTC)"
        raise PydanticCustomError("zone", "{expected}", {"expected": expected})
    return value


Instant = Annotated[datetime, BeforeValidator(read_instant)]
Serial = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
ChannelName = Annotated[str, StringConstraints(min_length=1, max_length=64)]


def in_ns(time: datetime | None) -> int | None:
    """Return a time in ns since 1970, None for none."""
    return None if time is None else to_ns(time)


class MeasuredGas(Part):
    """A gas that the analyser measures; whether it is of moist or dry air, its channel's variable says."""

    name: Gas
    channel: ChannelName
    scale: str = Field(
        "", max_length=64, description="calibration scale of what is published; default: that of WMO/GAW"
    )
    goal: float | None = Field(None, gt=0, description="largest bias of a target that is accepted, in the gas's unit")
    dry_channel: ChannelName | None = Field(None, description="the analyser's own dry value, only to compare with")

    @property
    def published_scale(self) -> str:
        """Calibration scale of what is published."""
        return self.scale or SCALES[self.name]

    @property
    def accepted_bias(self) -> float:
        """Largest bias of a target that is accepted, in the gas's unit."""
        return GOALS[self.name] if self.goal is None else self.goal


class WaterCorrection(Part):
    """How an analyser's moist mole fraction becomes a dry one, H in %.

    CO2, CH4, N2O: dry = wet / (c0 + c1 H + c2 H2); CO (ppb): dry = wet - (c0 + c1 H + c2 H2 + c3 H3).
    """

    gas: Gas
    start: Instant | None = Field(None, description="from when on; default: always")
    coefficients: tuple[float, ...] = Field(min_length=3, max_length=4)
    uncertainties: tuple[Annotated[float, Field(ge=0)], ...] = Field((), description="of the coefficients, 1 sigma")

    @model_validator(mode="after")
    def _is_a_correction(self) -> WaterCorrection:
        c = self.coefficients
        if self.gas != "CO":
            if len(c) != 3:
                raise mistake("coefficients", f"c0, c1, c2 for {self.gas}", f"{len(c)} numbers")
            if not 0.9 <= c[0] <= 1.1:
                raise mistake("coefficients", "c0 near 1: dry = wet/(c0 + c1 H + c2 H2)", f"{c[0]:g}")
            if not -0.05 <= c[1] <= 0:
                raise mistake("coefficients", "c1 from -0.05 to 0 per % of water: vapour dilutes", f"{c[1]:g}")
        if self.uncertainties and len(self.uncertainties) != len(c):
            raise mistake("uncertainties", f"{len(c)} numbers, one a coefficient", f"{len(self.uncertainties)}")
        return self


class Port(Part):
    """What a position of the valve lets in, from a date on: air of an intake, or a tank."""

    number: int = Field(ge=0, le=65_535)
    start: Instant | None = Field(None, description="from when on; default: always")
    end: Instant | None = Field(None, description="until when; default: the next entry of the same number")
    intake: Name | None = None
    height: float | None = Field(None, ge=0, le=1000, description="metres above ground, of an intake")
    tank: Serial | None = Field(None, description="serial of the tank")
    role: Role | None = Field(None, description="what the tank is for")

    @model_validator(mode="after")
    def _is_one_thing(self) -> Port:
        if (self.intake is None) == (self.tank is None):
            got = "nothing" if self.intake is None else f"intake {self.intake!r} and tank {self.tank!r}"
            raise mistake("intake", "either an intake or a tank", got)
        if (self.tank is None) != (self.role is None):
            raise mistake(
                "role", "reference, standard or target beside a tank, nothing beside an intake", repr(self.role)
            )
        if (self.intake is None) != (self.height is None):
            raise mistake("height", "metres above ground beside an intake, nothing beside a tank", repr(self.height))
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise mistake("end", f"later than start, {self.start.isoformat()}", self.end.isoformat())
        return self

    @property
    def since_ns(self) -> int:
        """From when on it holds. [ns]"""
        return -(2**62) if self.start is None else to_ns(self.start)


class InstrumentRule(Part):
    """A row of the rule table: which values of a channel flag a sample, and how; of several the first holds."""

    channel: ChannelName
    basis: Literal["range", "sd"] = Field("range", description="the value itself, or its sd within the minute")
    min: float | None = Field(None, description="in the channel's unit; less is flagged")
    max: float | None = Field(None, description="in the channel's unit; more is flagged")
    flag: Literal["suspect", "bad"] = "bad"
    gas: Gas | None = Field(None, description="the gas that it is about; default: all")
    site: Name | None = Field(None, description="the station that it is about; default: all that have the table")
    system: Name | None = Field(None, description="the analyser that it is about; default: all")
    start: Instant | None = Field(None, description="from when on; default: always")
    end: Instant | None = Field(None, description="until when; default: always")

    @model_validator(mode="after")
    def _has_a_limit(self) -> InstrumentRule:
        if self.min is None and self.max is None:
            raise mistake("min", "a limit: min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise mistake("max", f"at least min, {self.min:g}", f"{self.max:g}")
        return self


class Timing(Part):
    """How long after an event samples are not used. [s]"""

    flush: float = Field(default=120.0, ge=0, le=3600, description="after a change of the valve")
    after_target: float = Field(default=300.0, ge=0, le=7200, description="more than that, after a target")
    outage: float = Field(default=3600.0, gt=0, le=86_400, description="a gap longer than this is an outage")
    warm_up: float = Field(default=300.0, ge=0, le=86_400, description="after an outage")
    gap: float = Field(default=60.0, gt=0, le=3600, description="a gap longer than this ends a run of a tank")


class CalibrationMethod(Part):
    """How responses become mole fractions."""

    method: Literal["reference", "tanks"] = Field(
        default="reference",
        description="differences from a reference tank, or all tanks alike (the simple alternative)",
    )
    degree: Literal[1, 2] = 1
    bracket: float = Field(
        default=10_080.0, gt=0, le=864_000, description="longest time between two runs of the reference, s"
    )
    max_age: float = Field(
        default=172_800.0, gt=0, le=5_184_000, description="longest time for which runs of a standard hold, s"
    )
    max_gap: float = Field(
        default=18_000.0, gt=0, le=864_000, description="longest time between calibrations (tanks), s"
    )
    x_sd: float = Field(default=0.03, gt=0, description="sd of a response where it is zero, in the gas's unit")
    y_sd: float = Field(default=0.03, gt=0, description="sd of an assigned value where it is zero, in the gas's unit")
    min_samples: int = Field(default=6, ge=2, le=10_000, description="samples of a run of a tank, flushing left out")


class SpikeMethod(Part):
    """How short peaks of close-by sources are found on minutes; El Yazidi et al. (2018)."""

    method: Literal["none", "sd", "rebs"] = "sd"
    alpha: float = Field(default=1.0, gt=0, le=100, description="of method sd: standard deviations")
    beta: float = Field(default=8.0, gt=0, le=100, description="of method rebs: standard deviations")
    window: float = Field(default=60.0, gt=0, le=720, description="of method rebs: minutes of the regression")


class BackgroundSelection(Part):
    """Which hours are those of background air."""

    method: Annotated[str, StringConstraints(min_length=1, max_length=64)] = Field(
        default="noaa", description="noaa, conditions, rebs, or the rule of another package"
    )
    gas: Gas = Field(default="CO2", description="the gas by which hours are selected")
    wind_from: float | None = Field(default=None, ge=0, le=360, description="sector of clean air, clockwise, degrees")
    wind_to: float | None = Field(default=None, ge=0, le=360, description="end of that sector, degrees")
    min_wind: float = Field(default=0.0, ge=0, le=75, description="least wind speed, m s-1")
    local_from: float = Field(default=0.0, ge=0, le=24, description="hours of local standard time that are selected")
    local_to: float = Field(
        default=24.0, ge=0, le=24, description="end of these hours; below local_from: over midnight"
    )
    max_sd: float = Field(default=0.30, gt=0, le=1e6, description="an hour with a larger sd is none, in the gas's unit")
    max_step: float = Field(default=0.25, gt=0, le=1e6, description="largest step an hour, in the gas's unit")
    alone: float = Field(default=8.0, gt=0, le=240, description="hours within which another must be kept")
    rebs_days: float = Field(default=60.0, gt=1, le=365, description="of rebs: width of the regression, days")
    rebs_b: float = Field(default=3.5, gt=0, le=20, description="of rebs: scatters above the baseline that are kept")

    @model_validator(mode="after")
    def _sector_is_whole(self) -> BackgroundSelection:
        if (self.wind_from is None) != (self.wind_to is None):
            missing = "wind_from" if self.wind_from is None else "wind_to"
            raise mistake(missing, "degrees: wind_from and wind_to come together")
        return self


class MoleFraction(Part):
    """An analyser behind a valve: its stream, its gases, what is at which port, and how values are made."""

    stream: Name
    valve: ChannelName
    water: ChannelName | None = Field(None, description="channel of the water vapour; not needed for dry channels")
    system: Name = "analyser"
    gas: tuple[MeasuredGas, ...] = Field(min_length=1)
    port: tuple[Port, ...] = Field(min_length=1)
    water_correction: tuple[WaterCorrection, ...] = ()
    rule: tuple[InstrumentRule, ...] = ()
    timing: Timing = Timing()
    calibration: CalibrationMethod = CalibrationMethod()
    spikes: SpikeMethod = SpikeMethod()
    background: BackgroundSelection = BackgroundSelection()

    @model_validator(mode="after")
    def _parts_fit_together(self) -> MoleFraction:
        require_different("gas", [gas.name for gas in self.gas])
        self._check_ports()
        self._check_corrections()
        return self

    def _check_ports(self) -> None:
        for i, port in enumerate(self.port):
            for earlier in self.port[:i]:
                if earlier.number == port.number and _overlap(earlier, port):
                    got = f"port {port.number} with {_content(earlier)} and {_content(port)} at the same time"
                    raise mistake(f"port[{i}]", "one thing at a port at a time: other `start` or `end`", got)
        if not any(port.intake for port in self.port):
            raise mistake("port", "at least one port with an intake", "tanks alone")
        if self.calibration.method == "reference" and not any(port.role == "reference" for port in self.port):
            raise mistake("port", 'a tank with role = "reference", or calibration.method = "tanks"', "none")
        standards = {port.tank for port in self.port if port.role == "standard"}
        if self.calibration.method == "tanks":
            standards |= {port.tank for port in self.port if port.role == "reference"}
        needed = self.calibration.degree + 1
        if len(standards) < needed:
            raise mistake(
                "port", f"at least {needed} standards for degree {self.calibration.degree}", f"{len(standards)}"
            )

    def _check_corrections(self) -> None:
        gases = {gas.name for gas in self.gas}
        seen: set[tuple[str, datetime | None]] = set()
        for i, one in enumerate(self.water_correction):
            if one.gas not in gases:
                raise mistake(f"water_correction[{i}].gas", f"one of {', '.join(sorted(gases))}", one.gas)
            if (one.gas, one.start) in seen:
                raise mistake(f"water_correction[{i}].start", f"one correction of {one.gas} from a date on", "two")
            seen.add((one.gas, one.start))

    @cached_property
    def intakes(self) -> tuple[str, ...]:
        """Names of the intakes in the order of the file."""
        return tuple(dict.fromkeys(port.intake for port in self.port if port.intake is not None))

    @cached_property
    def heights(self) -> dict[str, float]:
        """Name of an intake -> its height above ground. [m]"""
        return {port.intake: port.height for port in self.port if port.intake is not None and port.height is not None}

    @cached_property
    def tanks(self) -> tuple[str, ...]:
        """Serials of the tanks in the order of the file."""
        return tuple(dict.fromkeys(port.tank for port in self.port if port.tank is not None))

    @cached_property
    def channels(self) -> tuple[tuple[str, str], ...]:
        """Channels that are named, each with the key that names it."""
        found = [("valve", self.valve), *([("water", self.water)] if self.water else [])]
        for i, gas in enumerate(self.gas):
            found.append((f"gas[{i}].channel", gas.channel))
            found += [(f"gas[{i}].dry_channel", gas.dry_channel)] if gas.dry_channel else []
        found += [(f"rule[{i}].channel", rule.channel) for i, rule in enumerate(self.rule)]
        return tuple(found)

    def port_at(self, number: int, time_ns: int) -> Port | None:
        """Return what is at a port at a time, None if nothing is declared."""
        found = [one for one in self.port if one.number == number and _holds(one, time_ns)]
        return max(found, key=lambda one: one.since_ns, default=None)


def _holds(port: Port, time_ns: int) -> bool:
    end = in_ns(port.end)
    return port.since_ns <= time_ns and (end is None or time_ns < end)


def _overlap(one: Port, other: Port) -> bool:
    """Say whether two entries of a port contradict: an open end is closed by the next start."""
    first, second = sorted((one, other), key=lambda port: port.since_ns)
    if first.since_ns == second.since_ns:
        return True
    return first.end is not None and second.since_ns < to_ns(first.end)


def _content(port: Port) -> str:
    return f"tank {port.tank}" if port.tank else f"intake {port.intake}"


def seconds(value: float) -> int:
    """Return seconds in ns."""
    return round(value * NS)
