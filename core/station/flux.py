"""How half-hours are made: which methods, with which numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator
from pydantic_core import PydanticCustomError

from core.station.part import Name, Part, mistake
from core.variables import GAS_NAME


class Methods(Part):
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


class LagLimits(Part):
    """Where the lag of a gas lies, where the station knows better than the geometry of its sensors. Seconds."""

    nominal: float | None = Field(default=None, ge=-60, le=300)
    earliest: float | None = Field(default=None, ge=-60, le=300)
    latest: float | None = Field(default=None, ge=-60, le=300)

    @model_validator(mode="after")
    def _make_a_window(self) -> LagLimits:
        if (self.earliest is None) != (self.latest is None):
            missing = "earliest" if self.earliest is None else "latest"
            raise mistake(missing, "a value: earliest and latest come together")
        given = [lag for lag in (self.earliest, self.nominal, self.latest) if lag is not None]
        if given != sorted(given):
            raise mistake("nominal", "earliest <= nominal <= latest", ", ".join(f"{lag:g}" for lag in given))
        return self


GasName = Annotated[str, StringConstraints(pattern=f"^{GAS_NAME}$")]
Percent = Annotated[float, Field(ge=0, le=100)]
Positive = Annotated[float, Field(gt=0)]


TRACE_LIMITS = {"CH4": (170.0, 1e6), "N2O": (32.0, 1e6)}
"""Absolute limits where the station says nothing; any other gas has none. [nmol mol-1]"""

TRACE_STEPS = {"CH4": (40e3, 30e3), "N2O": (40e3, 30e3)}
"""Likewise for steps of the mean, hard and soft. [nmol mol-1]"""


class Screening(Part):
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
    limits_gases: Mapping[GasName, tuple[float, float]] = Field(
        default_factory=dict, description="nmol mol-1, of gases other than CO2 and H2O"
    )
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
    step_gases: Mapping[GasName, tuple[Positive, Positive]] = Field(
        default_factory=dict, description="nmol mol-1, of other gases: hard, soft"
    )
    step_variance: tuple[Positive, Positive] = Field(
        default=(3.0, 2.0), description="variances of the whole: hard, soft"
    )
    lag_gain: tuple[Positive, Positive] = Field(
        default=(20.0, 10.0), description="percent of the covariance: hard, soft"
    )
    attack_angles: tuple[Annotated[float, Field(gt=-90, lt=0)], Annotated[float, Field(gt=0, lt=90)]] = (-30.0, 30.0)
    attack_share: Percent = Field(default=10.0, description="samples outside these angles, percent")
    steadiness: Positive = Field(default=0.5, description="trend of the horizontal wind over its mean")

    def trace_limits(self, gas: str) -> tuple[float, float]:
        """Return the absolute limits of a gas other than CO2 and H2O. [nmol mol-1]"""
        return self.limits_gases.get(gas) or TRACE_LIMITS.get(gas, (-math.inf, math.inf))

    def trace_steps(self, gas: str) -> tuple[float, float]:
        """Return how much the mean of such a gas may change, hard and soft. [nmol mol-1]"""
        return self.step_gases.get(gas) or TRACE_STEPS.get(gas, (math.inf, math.inf))


class Options(Part):
    """Numbers that a method of the half-hour needs; unset ones take the method's own default."""

    detrend_seconds: float | None = Field(default=None, ge=1, le=7200, description="time constant of detrending")
    random_error_scale: Literal["inverse_e", "zero", "integral"] = Field(
        default="inverse_e", description="where the sum of the correlation ends that gives the integral time scale"
    )
    random_error_reach: float | None = Field(default=None, gt=0, le=600, description="longest lag looked at, seconds")
    lag_windows: Mapping[GasName, LagLimits] = Field(default_factory=dict)
    assessment: Literal["fluxtower", "eddypro"] = Field(
        default="fluxtower", description="dialect of the in-situ spectral methods"
    )
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


class Profile(Part):
    """Levels below the sensors whose change says what the air has stored."""

    stream: Name = Field(description="stream of readings")
    heights: Mapping[str, Annotated[float, Field(gt=0, le=500)]] = Field(
        min_length=1, description="channels of CO2, H2O and TA -> metres above ground"
    )
    seconds: float = Field(default=300.0, ge=1, le=1800, description="readings so long before each end are averaged")


class Flux(Part):
    """How half-hours are made."""

    stream: Name
    meteorology: Name | None = Field(None, description="stream of readings that gives TA, RH, PA, SW_IN")
    profile: Profile | None = Field(None, description="levels for storage; without them the one level of the tower")
    averaging_minutes: int = Field(30, ge=1, le=120)
    lateness_seconds: float = Field(60.0, ge=0, le=7 * 86400, description="how long to wait for late samples")
    max_missing_percent: float = Field(10.0, ge=0, le=100)
    methods: Methods = Methods()
    options: Options = Field(default_factory=Options)  # a default would be copied deeply each time

    @field_validator("averaging_minutes")
    @classmethod
    def _divides_the_day(cls, minutes: int) -> int:
        if 1440 % minutes:
            raise PydanticCustomError("grid", "minutes that divide a day evenly")
        return minutes
