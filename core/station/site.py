"""Who and where the station is, what stands there, and what it sends."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator
from pydantic_core import PydanticCustomError

from core.errors import UnknownVariable
from core.station.filters import fault
from core.station.part import Name, Part, mistake, require_different
from core.station.quality import ChannelQuality
from core.variables import GAS_NAME, GASES, gas_of, is_scalar, units_for

MAX_CHANNELS = 32

OWN_FORMATS = ("block", "reading")
"""Formats of messages that are ours: a stream's own kind."""
HJ212 = "hj212"
"""Format of frames that come over TCP and from files, so that it has no topic."""
Command = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}$")]


class Identity(Part):
    """Who and where the station is."""

    id: Name
    name: str
    name_zh: str = ""
    latitude: float = Field(ge=-90, le=90, description="degrees north")
    longitude: float = Field(ge=-180, le=180, description="degrees east")
    altitude: float = Field(ge=-430, le=8850, description="metres above sea level")
    utc_offset: float = Field(ge=-12, le=14, description="local STANDARD time minus UTC, hours")
    description: str = ""
    source: str = Field("", description="where the data come from; a simulated station says so here")
    state_topics: tuple[str, ...] = Field((), description="MQTT topics that say whether a logger is online")

    @model_validator(mode="after")
    def _state_topics_are_filters(self) -> Identity:
        for topic in self.state_topics:
            if fault(topic):
                raise mistake("state_topics", f"MQTT topics: {fault(topic)}", repr(topic))
        return self


class Site(Part):
    """The surface around the tower. Lengths in metres."""

    canopy_height: float = Field(ge=0, le=120)
    displacement_height: float | None = Field(None, ge=0, le=120, description="default 0.67 canopy heights")
    roughness_length: float | None = Field(None, gt=0, le=20, description="default 0.15 canopy heights")

    @property
    def displacement(self) -> float:
        """Zero-plane displacement. [m]"""
        return 0.67 * self.canopy_height if self.displacement_height is None else self.displacement_height

    @property
    def roughness(self) -> float:
        """Roughness length, at least 1 mm. [m]"""
        return max(0.15 * self.canopy_height, 1e-3) if self.roughness_length is None else self.roughness_length


class Sonic(Part):
    """The sonic anemometer."""

    model: str
    height: float = Field(gt=0, le=500, description="metres above ground")
    north_offset: float = Field(0.0, ge=-360, le=360, description="degrees clockwise from north")
    magnetic_declination: float = Field(0.0, ge=-180, le=180, description="degrees east, if north is the compass's")
    left_handed: bool = Field(default=False, description="v points to the right of u, seen from above")
    axes: Literal["spar", "axis"] = Field(default="spar", description="what a Gill's u is aligned with")


class Spectroscopy(Part):
    """How a line of a spectrum widens: what true density over measured density is, by temperature and pressure.

    For an LI-7700 the table is in its manual; the part of it that covers the station's weather is enough.
    """

    temperatures: tuple[float, ...] = Field(min_length=3, description="deg C, ascending")
    pressures: tuple[float, ...] = Field(min_length=3, description="kPa, ascending; of dry air that widens as much")
    kappa: tuple[tuple[Annotated[float, Field(gt=0, le=10)], ...], ...] = Field(description="a row per temperature")
    vapour_broadening: float = Field(0.46, ge=0, le=10, description="what vapour widens a line more than dry air does")

    @model_validator(mode="after")
    def _is_a_table(self) -> Spectroscopy:
        for key in ("temperatures", "pressures"):
            values = getattr(self, key)
            if list(values) != sorted(set(values)):
                raise mistake(key, "ascending numbers", ", ".join(f"{value:g}" for value in values))
        shape = (len(self.temperatures), len(self.pressures))
        if len(self.kappa) != shape[0] or any(len(row) != shape[1] for row in self.kappa):
            raise mistake("kappa", f"{shape[0]} rows of {shape[1]}", f"rows of {[len(row) for row in self.kappa]}")
        return self


class Analyzer(Part):
    """A gas analyser; separations from the sonic's centre in metres, tube in metres, flow in L min-1."""

    model: str
    gases: tuple[Annotated[str, StringConstraints(pattern=f"^{GAS_NAME}$")], ...] = Field(min_length=1)
    path: Literal["open", "closed"] = "open"
    path_length: float | None = Field(None, gt=0, le=10, description="metres, if not its model's")
    time_constant: float | None = Field(None, gt=0, le=60, description="seconds, if not its model's")
    northward_separation: float = Field(0.0, ge=-20, le=20)
    eastward_separation: float = Field(0.0, ge=-20, le=20)
    vertical_separation: float = Field(0.0, ge=-20, le=20)
    tube_length: float | None = Field(None, gt=0, le=200)
    tube_diameter: float | None = Field(None, gt=0, le=0.1)
    flow_rate: float | None = Field(None, gt=0, le=200)
    cell_volume: float = Field(0.016, ge=0, le=10, description="of a closed path's cell, litres")
    least_signal: float | None = Field(None, ge=0, le=100, description="in place of flux.options.least_signal")
    most_agc: float | None = Field(None, ge=0, le=100, description="in place of flux.options.most_agc")
    spectroscopy: Spectroscopy | None = None

    @field_validator("gases")
    @classmethod
    def _are_gases(cls, gases: tuple[str, ...]) -> tuple[str, ...]:
        for gas in gases:
            if gas not in GASES and not is_scalar(gas):
                expected = f"the name of a gas: F{gas}, S{gas} or {gas} is something else"
                raise PydanticCustomError("gas", "{expected}", {"expected": expected})
        return gases

    @model_validator(mode="after")
    def _closed_path_has_a_tube(self) -> Analyzer:
        for key in ("tube_length", "tube_diameter", "flow_rate"):
            if self.path == "closed" and getattr(self, key) is None:
                raise mistake(key, "a value, for a closed path")
        return self


class Channel(Part):
    """One channel of a stream: the sender's name, and what it measures in which unit."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    variable: str
    unit: str
    field: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = Field(
        None, description="what a message of another maker's format calls it; default: its name"
    )
    resolution: float | None = Field(None, gt=0, le=1e30, description="smallest step of its values, in its unit")
    offset: float = Field(0.0, ge=-1e30, le=1e30, description="the value from which steps are counted, in its unit")
    gain: float = Field(1.0, ge=-1e12, le=1e12, description="what is sent, times this, plus gain_offset is in its unit")
    gain_offset: float = Field(0.0, ge=-1e12, le=1e12, description="in its unit")
    qc: ChannelQuality = Field(default=ChannelQuality(), description="how its readings are judged")

    @model_validator(mode="after")
    def _unit_measures_variable(self) -> Channel:
        try:
            units = units_for(self.variable)
        except UnknownVariable:
            raise mistake(
                "variable", "a known variable (`fluxtower variables` lists them)", repr(self.variable)
            ) from None
        if self.unit not in units:
            raise mistake("unit", f"one of {', '.join(units)}", repr(self.unit))
        if "offset" in self.model_fields_set and self.resolution is None:
            raise mistake("resolution", "a step beside `offset`")
        if self.gain == 0:
            raise mistake("gain", "a number that is not 0", "0")
        if self.is_scaled and self.resolution is not None:
            raise mistake("gain", "nothing beside `resolution`: what is sent is in another unit", f"{self.gain:g}")
        return self

    @property
    def is_scaled(self) -> bool:
        """Whether what is sent is not in its unit yet."""
        return self.gain != 1.0 or self.gain_offset != 0.0

    @property
    def sent_as(self) -> str:
        """What a message calls it."""
        return self.field or self.name


class Stream(Part):
    """What a station sends under one name: high-rate blocks or slow readings."""

    name: Name
    kind: Literal["block", "reading"]
    rate: float | None = Field(None, gt=0, le=1000, description="samples a second, for blocks")
    interval: float | None = Field(None, gt=0, le=86400, description="seconds between readings")
    channels: tuple[Channel, ...] = Field(min_length=1, max_length=MAX_CHANNELS)
    topic: str | None = Field(None, description="MQTT topic of another maker's messages, + and # allowed")
    format: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = Field(
        None, description="what those messages are; ``ingest.formats`` knows which there are"
    )
    stamps: Literal["start", "end"] | None = Field(None, description="which end of its interval a record's stamp is")
    logger_utc_offset: float | None = Field(None, ge=-12, le=14, description="stamps minus UTC, hours")
    columns: tuple[str, ...] = Field((), description="the fields of a line without a header")
    time_path: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = Field(
        None, description="where in a message of mapped JSON its time is"
    )
    time_format: Annotated[str, StringConstraints(min_length=1, max_length=64)] = Field(
        "iso", description="how that time is written"
    )
    mn: Annotated[str, StringConstraints(pattern=r"^[!-:<-~]{1,40}$")] | None = Field(
        None, description="the device of HJ 212 whose frames these are"
    )
    cn: tuple[Command, ...] = Field((), description="commands of HJ 212 that carry them: 2011, 2051, 2061...")

    @model_validator(mode="after")
    def _step_is_given(self) -> Stream:
        if self.kind == "block" and self.rate is None:
            raise mistake("rate", "samples a second for a stream of blocks")
        if self.kind == "reading" and self.interval is None:
            raise mistake("interval", "seconds between readings")
        require_different("channels", [channel.name for channel in self.channels])
        return self

    @model_validator(mode="after")
    def _mapping_is_whole(self) -> Stream:
        self._check_hj212()
        if self.format != HJ212 and (self.topic is None) != (self.format is None):
            missing = "topic" if self.topic is None else "format"
            raise mistake(missing, "a value: topic and format come together")
        if self.topic is not None and fault(self.topic):
            raise mistake("topic", f"an MQTT topic: {fault(self.topic)}", repr(self.topic))
        if self.format in OWN_FORMATS and self.format != self.kind:
            raise mistake("format", f"a format of a stream of kind {self.kind}", repr(self.format))
        foreign = self.format not in (None, *OWN_FORMATS)
        self._allow("stamps", foreign, "nothing: our own formats stamp the START")
        self._allow("logger_utc_offset", foreign, "nothing: the stamps have a zone")
        self._allow("columns", foreign, "nothing: the messages name their fields")
        self._allow("time_path", foreign, "nothing: the time is `t`")
        self._allow("time_format", foreign and self.time_path is not None, "nothing without `time_path`")
        fields = [channel.sent_as for channel in self.channels]
        if not foreign and fields != [channel.name for channel in self.channels]:
            raise mistake("channels", "no `field`: our own formats use the channel's name", "a `field`")
        require_different("channels", fields)
        require_different("columns", list(self.columns))
        return self

    def _check_hj212(self) -> None:
        is_hj212 = self.format == HJ212
        for key in ("mn", "cn"):
            self._allow(key, is_hj212, "nothing: the format is not hj212")
            if is_hj212 and not getattr(self, key):
                raise mistake(key, "a value beside the format hj212")
        if is_hj212 and self.topic is not None:
            raise mistake("topic", "nothing: frames of HJ 212 come over TCP and from files", repr(self.topic))
        if is_hj212 and self.kind != "reading":
            raise mistake("kind", "reading: frames of HJ 212 carry slow values", repr(self.kind))
        require_different("cn", list(self.cn))

    def _allow(self, key: str, allowed: bool, expected: str) -> None:
        if key in self.model_fields_set and not allowed:
            raise mistake(key, expected, repr(getattr(self, key)))

    @property
    def dt_ns(self) -> int:
        """Time between samples or readings. [ns]"""
        return round(1e9 / self.rate) if self.rate else round(1e9 * (self.interval or 0))

    @cached_property
    def channel_index(self) -> dict[str, int]:
        """Channel name -> its place in the stream's vectors."""
        return {channel.name: i for i, channel in enumerate(self.channels)}

    @cached_property
    def scales(self) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """Gain and offset of each channel that bring what is sent to its unit; None if all of it is."""
        if not any(channel.is_scaled for channel in self.channels):
            return None
        return tuple(one.gain for one in self.channels), tuple(one.gain_offset for one in self.channels)

    def channel_called(self, name: str) -> Channel | None:
        """Return the channel of that name."""
        index = self.channel_index.get(name)
        return None if index is None else self.channels[index]

    @cached_property
    def gases(self) -> tuple[str, ...]:
        """The gases that its channels measure, in their order."""
        found = (gas_of(channel.variable) for channel in self.channels)
        return tuple(dict.fromkeys(gas for gas in found if gas is not None))

    def channel_of(self, variable: str) -> Channel | None:
        """Return the first channel that measures a variable."""
        return next((channel for channel in self.channels if channel.variable == variable), None)

    @cached_property
    def channel_fields(self) -> dict[str, Channel]:
        """What messages call a channel -> the channel."""
        return {channel.sent_as: channel for channel in self.channels}
