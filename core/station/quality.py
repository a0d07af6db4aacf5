"""How the readings of a channel are judged, where the station knows better than the defaults."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from core.station.part import Part, mistake

Positive = Annotated[float, Field(gt=0, le=1e12)]
Minutes = Annotated[float, Field(gt=0, le=2880)]
CheckName = Literal["range", "climatology", "spike", "step", "rate", "persistence", "consistency"]


class ChannelQuality(Part):
    """Limits of a channel, in its own unit; what is not given has the default of its variable.

    Pairs of limits are those of *suspect* and of *bad*.
    """

    range: tuple[float, float] | None = Field(default=None, description="values outside are bad")
    suspect_range: tuple[float, float] | None = Field(default=None, description="values outside are suspect")
    spike: tuple[Positive, Positive] | None = Field(default=None, description="away from both neighbours")
    spike_method: Literal["differential", "average"] = Field(
        default="differential", description="smaller difference to the neighbours, or difference to their average"
    )
    spike_noise: tuple[Positive, Positive] | None = Field(
        default=None, description="suspect above the first, if above so many mean changes of the last hour, too"
    )
    step: tuple[Positive, Positive] | None = Field(default=None, description="change from one reading to the next")
    rate: tuple[Positive, Positive] | None = Field(default=None, description="change per second, over gaps, too")
    persistence: Positive | None = Field(default=None, description="a range that is smaller is no life")
    persistence_minutes: tuple[Minutes, Minutes] | None = Field(default=None, description="how long it may stay so")
    persistence_between: tuple[float, float] | None = Field(
        default=None, description="only values between may not stay so"
    )
    climatology: bool = Field(default=False, description="limits by month and hour, learnt from the own past")
    off: tuple[CheckName, ...] = Field(default=(), description="checks that are not made")

    @model_validator(mode="after")
    def _limits_ascend(self) -> ChannelQuality:
        for key in ("range", "suspect_range", "persistence_between"):
            pair = getattr(self, key)
            if pair is not None and not pair[0] < pair[1]:
                raise mistake(key, "two ascending numbers", f"{pair[0]:g}, {pair[1]:g}")
        for key in ("spike", "step", "rate", "persistence_minutes"):
            pair = getattr(self, key)
            if pair is not None and pair[0] > pair[1]:
                raise mistake(key, "the limit of suspect, then that of bad", f"{pair[0]:g}, {pair[1]:g}")
        inner, outer = self.suspect_range, self.range
        if inner is not None and outer is not None and (inner[0] < outer[0] or inner[1] > outer[1]):
            raise mistake("suspect_range", "limits within `range`", f"{inner[0]:g}, {inner[1]:g}")
        return self
