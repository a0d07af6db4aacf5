"""The station file (TOML): who the station is, what stands where, which channel is what, which methods are used.

Every mistake is a ``ConfigError`` that names file, key, expected and got.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from core.errors import ConfigError, UnknownVariable
from core.variables import units_for

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
MAX_CHANNELS = 32


def _mistake(key: str, expected: str, got: str = "nothing") -> PydanticCustomError:
    """Return an error about a key of the part that is being checked."""
    return PydanticCustomError("mistake", "{expected}", {"key": key, "expected": expected, "got": got})


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, ignored_types=(cached_property,))


class Identity(_Part):
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


class Site(_Part):
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


class Sonic(_Part):
    """The sonic anemometer."""

    model: str
    height: float = Field(gt=0, le=500, description="metres above ground")
    north_offset: float = Field(0.0, ge=-360, le=360, description="degrees clockwise from north")
    magnetic_declination: float = Field(0.0, ge=-180, le=180, description="degrees east, if north is the compass's")
    left_handed: bool = Field(default=False, description="v points to the right of u, seen from above")


class Analyzer(_Part):
    """A gas analyser; separations from the sonic's centre in metres, tube in metres, flow in L min-1."""

    model: str
    gases: tuple[Literal["CO2", "H2O", "CH4"], ...] = Field(min_length=1)
    path: Literal["open", "closed"] = "open"
    northward_separation: float = Field(0.0, ge=-20, le=20)
    eastward_separation: float = Field(0.0, ge=-20, le=20)
    vertical_separation: float = Field(0.0, ge=-20, le=20)
    tube_length: float | None = Field(None, gt=0, le=200)
    tube_diameter: float | None = Field(None, gt=0, le=0.1)
    flow_rate: float | None = Field(None, gt=0, le=200)

    @model_validator(mode="after")
    def _closed_path_has_a_tube(self) -> Analyzer:
        for key in ("tube_length", "tube_diameter", "flow_rate"):
            if self.path == "closed" and getattr(self, key) is None:
                raise _mistake(key, "a value, for a closed path")
        return self


class Channel(_Part):
    """One channel of a stream: the sender's name, and what it measures in which unit."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    variable: str
    unit: str

    @model_validator(mode="after")
    def _unit_measures_variable(self) -> Channel:
        try:
            units = units_for(self.variable)
        except UnknownVariable:
            raise _mistake(
                "variable", "a known variable (`fluxtower variables` lists them)", repr(self.variable)
            ) from None
        if self.unit not in units:
            raise _mistake("unit", f"one of {', '.join(units)}", repr(self.unit))
        return self


class Stream(_Part):
    """What a station sends under one name: high-rate blocks or slow readings."""

    name: Name
    kind: Literal["block", "reading"]
    rate: float | None = Field(None, gt=0, le=1000, description="samples a second, for blocks")
    interval: float | None = Field(None, gt=0, le=86400, description="seconds between readings")
    channels: tuple[Channel, ...] = Field(min_length=1, max_length=MAX_CHANNELS)

    @model_validator(mode="after")
    def _step_is_given(self) -> Stream:
        if self.kind == "block" and self.rate is None:
            raise _mistake("rate", "samples a second for a stream of blocks")
        if self.kind == "reading" and self.interval is None:
            raise _mistake("interval", "seconds between readings")
        _require_different("channels", [channel.name for channel in self.channels])
        return self

    @property
    def dt_ns(self) -> int:
        """Time between samples or readings. [ns]"""
        return round(1e9 / self.rate) if self.rate else round(1e9 * (self.interval or 0))

    @cached_property
    def channel_index(self) -> dict[str, int]:
        """Channel name -> its place in the stream's vectors."""
        return {channel.name: i for i, channel in enumerate(self.channels)}

    def channel_of(self, variable: str) -> Channel | None:
        """Return the first channel that measures a variable."""
        return next((channel for channel in self.channels if channel.variable == variable), None)


class Methods(_Part):
    """Which method each step of the half-hour uses; names out of ``fluxcalc``'s registries."""

    despike: str = "vickers_mahrt_1997"
    screening: str = "vickers_mahrt_1997"
    cross_wind: str = "none"
    angle_of_attack: str = "none"
    rotation: str = "double"
    lag: str = "covariance_maximum"
    detrend: str = "block"
    density: str = "wpl"
    spectral: str = "moncrieff_1997"
    quality: str = "mauder_foken_2004"
    random_error: str = "finkelstein_sims_2001"
    footprint: str = "kljun_2004"


class LagLimits(_Part):
    """Where the lag of a gas lies, where the station knows better than the geometry of its sensors. Seconds."""

    nominal: float | None = Field(default=None, ge=-60, le=300)
    earliest: float | None = Field(default=None, ge=-60, le=300)
    latest: float | None = Field(default=None, ge=-60, le=300)

    @model_validator(mode="after")
    def _make_a_window(self) -> LagLimits:
        if (self.earliest is None) != (self.latest is None):
            missing = "earliest" if self.earliest is None else "latest"
            raise _mistake(missing, "a value: earliest and latest come together")
        given = [lag for lag in (self.earliest, self.nominal, self.latest) if lag is not None]
        if given != sorted(given):
            raise _mistake("nominal", "earliest <= nominal <= latest", ", ".join(f"{lag:g}" for lag in given))
        return self


Percent = Annotated[float, Field(ge=0, le=100)]
Positive = Annotated[float, Field(gt=0)]


class Screening(_Part):
    """Limits of the raw-data tests of Vickers & Mahrt (1997); samples outside the absolute limits are removed, too."""

    spikes: Percent = Field(default=1.0, description="spikes, percent of the samples")
    resolution_range: Positive = Field(default=7.0, description="width of the bins together, standard deviations")
    resolution_bins: int = Field(default=100, ge=2, le=10_000)
    resolution_empty: Percent = Field(default=70.0, description="empty bins, percent")
    dropout_tail: float = Field(default=10.0, gt=0, lt=50, description="percentile beyond which values are extremes")
    dropout_central: Percent = Field(default=10.0, description="longest stay between the extremes, percent of a window")
    dropout_extreme: Percent = Field(default=6.0, description="longest stay among the extremes, percent of a window")
    limit_wind: Positive = Field(default=30.0, description="horizontal wind speed, m s-1")
    limit_w: Positive = Field(default=5.0, description="m s-1")
    limits_ts: tuple[float, float] = Field(default=(-60.0, 60.0), description="deg C")
    limits_co2: tuple[float, float] = Field(default=(150.0, 1200.0), description="umol mol-1")
    limits_h2o: tuple[float, float] = Field(default=(0.0, 100.0), description="mmol mol-1")
    skewness_hard: Positive = Field(default=2.0, description="either sign")
    skewness_soft: Positive = Field(default=1.0, description="either sign")
    kurtosis_hard: tuple[float, float] = (1.0, 8.0)
    kurtosis_soft: tuple[float, float] = (2.0, 5.0)
    step_window: Positive = Field(default=300.0, description="seconds")
    step_u: tuple[Positive, Positive] = Field(default=(4.0, 2.7), description="m s-1, of u and v: hard, soft")
    step_w: tuple[Positive, Positive] = Field(default=(2.0, 1.3), description="m s-1: hard, soft")
    step_ts: tuple[Positive, Positive] = Field(default=(4.0, 2.7), description="K: hard, soft")
    step_co2: tuple[Positive, Positive] = Field(default=(40.0, 27.0), description="umol mol-1: hard, soft")
    step_h2o: tuple[Positive, Positive] = Field(default=(3.26, 2.2), description="mmol mol-1: hard, soft")
    step_variance: tuple[Positive, Positive] = Field(
        default=(3.0, 2.0), description="variances of the whole: hard, soft"
    )
    lag_gain: tuple[Positive, Positive] = Field(
        default=(20.0, 10.0), description="percent of the covariance: hard, soft"
    )
    attack_angles: tuple[Annotated[float, Field(gt=-90, lt=0)], Annotated[float, Field(gt=0, lt=90)]] = (-30.0, 30.0)
    attack_share: Percent = Field(default=10.0, description="samples outside these angles, percent")
    steadiness: Positive = Field(default=0.5, description="trend of the horizontal wind over its mean")


class Options(_Part):
    """Numbers that a method of the half-hour needs; unset ones take the method's own default."""

    detrend_seconds: float | None = Field(default=None, ge=1, le=7200, description="time constant of detrending")
    random_error_scale: Literal["inverse_e", "zero", "integral"] = Field(
        default="inverse_e", description="where the sum of the correlation ends that gives the integral time scale"
    )
    random_error_reach: float | None = Field(default=None, gt=0, le=600, description="longest lag looked at, seconds")
    lag_windows: Mapping[Literal["CO2", "H2O", "CH4"], LagLimits] = Field(default_factory=dict)
    screening: Screening = Screening()
    least_signal: Percent | None = Field(default=None, description="weaker samples of an analyser are removed")
    most_agc: Percent | None = Field(default=None, description="samples of an analyser with more gain are removed")
    sonic_path_elevation: float | None = Field(
        default=None, gt=0, lt=90, description="degrees above horizontal; for cross_wind"
    )
    planar_fit_sectors: tuple[float, ...] = Field(
        default=(0.0,), min_length=1, description="where the sectors begin, degrees"
    )
    planar_fit_least_periods: int = Field(default=30, ge=3, description="half-hours that a sector needs")
    planar_fit_least_u: float = Field(default=0.5, ge=0, le=10, description="slowest mean horizontal wind, m s-1")
    planar_fit_largest_w: float = Field(default=1.0, gt=0, le=5, description="largest mean vertical wind, m s-1")

    @field_validator("planar_fit_sectors")
    @classmethod
    def _go_round_once(cls, starts: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 0 <= start < 360 for start in starts) or list(starts) != sorted(set(starts)):
            raise PydanticCustomError("sectors", "ascending degrees from 0 to less than 360")
        return starts


class Flux(_Part):
    """How half-hours are made."""

    stream: Name
    meteorology: Name | None = Field(None, description="stream of readings that gives TA, RH, PA, SW_IN")
    averaging_minutes: int = Field(30, ge=1, le=120)
    lateness_seconds: float = Field(60.0, ge=0, le=7 * 86400, description="how long to wait for late samples")
    max_missing_percent: float = Field(10.0, ge=0, le=100)
    methods: Methods = Methods()
    options: Options = Options()

    @field_validator("averaging_minutes")
    @classmethod
    def _divides_the_day(cls, minutes: int) -> int:
        if 1440 % minutes:
            raise PydanticCustomError("grid", "minutes that divide a day evenly")
        return minutes


class Files(_Part):
    """What the station's raw files look like, for `fluxtower process`."""

    format: Literal["toa5", "icos_csv", "csv"] = "toa5"
    separator: Literal[",", ";", "\t"] = ","
    header_rows: int = Field(default=1, ge=0, le=100)
    names_row: int = Field(default=1, ge=1, le=100, description="which of the header rows has the columns' names")
    columns: tuple[str, ...] = Field(default=(), description="the columns' names, where no header row has them")
    time_columns: tuple[str, ...] = Field(default=(), description="columns that make the time, joined by a blank")
    time_format: str = "%Y-%m-%d %H:%M:%S%.f"
    start: str = Field(default="", description="pattern of the first sample's time in the file's name")
    stamps: Literal["start", "end"] | None = Field(default=None, description="which end of a sample a stamp is")
    utc_offset: float | None = Field(default=None, ge=-12, le=14, description="stamps minus UTC, hours")
    missing: tuple[str, ...] = ("-9999",)
    check_units: bool = Field(default=True, description="refuse a TOA5 file whose units are not the declared ones")

    @property
    def stamps_end(self) -> bool:
        """Whether stamps are interval ENDs: a TOA5's are, unless the file says otherwise."""
        return (self.stamps or ("end" if self.format == "toa5" else "start")) == "end"

    @property
    def start_pattern(self) -> str:
        """Pattern of the first sample's time in the file's name; empty where records have stamps."""
        return self.start or ("_EC_%Y%m%d%H%M" if self.format == "icos_csv" and not self.time_columns else "")

    @model_validator(mode="after")
    def _layout_fits_format(self) -> Files:
        csv_keys = ("separator", "header_rows", "names_row", "columns", "time_columns", "time_format", "start")
        if self.format == "toa5":
            for key in csv_keys:
                if key in self.model_fields_set:
                    raise _mistake(key, "nothing: a TOA5 file says it itself", repr(getattr(self, key)))
            return self
        if bool(self.time_columns) == bool(self.start_pattern):
            got = "both" if self.time_columns else "neither"
            raise _mistake("time_columns", "either time_columns or start, to know when a sample was taken", got)
        if not self.columns and self.names_row > self.header_rows:
            raise _mistake("columns", f"names, for there is no header row {self.names_row}")
        return self


class Station(_Part):
    """A whole station file, validated."""

    station: Identity
    site: Site | None = None
    sonic: Sonic | None = None
    analyzer: tuple[Analyzer, ...] = ()
    stream: tuple[Stream, ...] = Field(min_length=1)
    flux: Flux | None = None
    files: Files = Files()

    @property
    def id(self) -> str:
        """Station id."""
        return self.station.id

    @cached_property
    def streams(self) -> dict[str, Stream]:
        """Streams by name."""
        return {stream.name: stream for stream in self.stream}

    def analyzer_of(self, gas: str) -> Analyzer | None:
        """Return the analyser that measures a gas."""
        return next((analyzer for analyzer in self.analyzer if gas in analyzer.gases), None)

    @property
    def measurement_height(self) -> float:
        """Height of the sonic above the displacement height, z - d. [m]"""
        if self.sonic is None or self.site is None:
            raise ValueError(f"{self.id} has no [sonic] or no [site]")
        return self.sonic.height - self.site.displacement

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Station:
        _require_different("stream", [stream.name for stream in self.stream])
        if self.flux is None:
            return self
        for key in ("sonic", "site"):
            if getattr(self, key) is None:
                raise _mistake(key, f"a part [{key}] beside [flux]")
        samples = self._require_stream("flux.stream", self.flux.stream, "block")
        for variable in ("U", "V", "W", "T_SONIC"):
            if samples.channel_of(variable) is None:
                raise _mistake("flux.stream", f"a channel that measures {variable}", f"none in stream {samples.name!r}")
        if self.flux.meteorology is not None:
            self._require_stream("flux.meteorology", self.flux.meteorology, "reading")
        if self.sonic is not None and self.site is not None and self.measurement_height <= 0:
            expected = f"more than the displacement height {self.site.displacement:g} m"
            raise _mistake("sonic.height", expected, f"{self.sonic.height:g}")
        return self

    def _require_stream(self, key: str, name: str, kind: str) -> Stream:
        stream = self.streams.get(name)
        if stream is None or stream.kind != kind:
            raise _mistake(key, f"a stream of kind {kind}", repr(name))
        return stream


def _require_different(key: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise _mistake(key, "names that differ", f"{name!r} twice")


def parse_station(text: str, file: str) -> Station:
    """Read and validate the text of a station file.

    Parameters
    ----------
    text : str
        TOML.
    file : str
        What to call it in errors.

    Raises
    ------
    ConfigError
        Unknown keys, wrong types or units, impossible geometry: names file, key, expected and got.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(file, "(syntax)", "TOML", str(error)) from None
    try:
        return Station.model_validate_json(_json(raw))
    except ValidationError as error:
        raise _config_error(file, error) from None


def read_station(path: Path) -> Station:
    """Read and validate a station file.

    Raises
    ------
    ConfigError
        As ``parse_station``, and for a file that cannot be read.
    """
    return parse_station(read_station_text(path), path.name)


def read_station_text(path: Path) -> str:
    """Return a station file's text; a file that cannot be read is a ``ConfigError``."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), "(file)", "a readable UTF-8 text file", str(error)) from None


def config_sha256(text: str) -> str:
    """Return the SHA-256 by which a result names the configuration that made it."""
    return hashlib.sha256(text.encode()).hexdigest()


def _json(raw: dict[str, Any]) -> bytes:
    # TOML dates have no place in a station file: they come out as strings and fail where a number is expected
    return orjson.dumps(raw, default=str)


def _config_error(file: str, error: ValidationError) -> ConfigError:
    """Turn pydantic's complaints into ours: the first is told, the others are counted.

    A list of which no item is valid is called too short, too: that says nothing new. An unknown key comes first: it is
    mostly the misspelt form of one that is then missing.
    """
    complaints = error.errors()
    inner = [one for one in complaints if not any(_is_inside(other["loc"], one["loc"]) for other in complaints)]
    first, *others = sorted(inner, key=lambda one: one["type"] != "extra_forbidden")
    key, expected, got = _explain(first)
    return ConfigError(file, key, expected, f"{got} (and {len(others)} more)" if others else got)


def _is_inside(place: tuple[int | str, ...], outer: tuple[int | str, ...]) -> bool:
    return len(place) > len(outer) and place[: len(outer)] == outer


def _explain(complaint: ErrorDetails) -> tuple[str, str, str]:
    """Return (key, expected, got) of one complaint."""
    key = ".".join(str(part) if isinstance(part, str) else f"[{part}]" for part in complaint["loc"]).replace(".[", "[")
    match complaint["type"]:
        case "mistake":
            context = complaint["ctx"]
            return ".".join(part for part in (key, context["key"]) if part), context["expected"], context["got"]
        case "extra_forbidden":
            return key, "no such key", _shown(complaint["input"])
        case "missing":
            return key, "a value", "nothing"
        case _:
            return key, complaint["msg"].removeprefix("Input should be "), _shown(complaint["input"])


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
