"""Limits of slow sensors where the station file gives none: of one-minute values, in the unit of each variable.

Ranges, steps and persistence are those of WMO-No. 8 and of Zahumensky (2004), Guidelines on Quality Control Procedures
for Data from Automatic Weather Stations, CBS/OPAG-IOS/ET AWS-3, as far as these have the variable; where others are
needed, ``docs/science/quality.md`` says why.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

NOTHING = float("nan")
Pair = tuple[float, float]
NONE: Pair = (NOTHING, NOTHING)


@dataclass(frozen=True, slots=True)
class Default:
    """Limits of a variable; pairs are those of suspect and bad, ranges low and high; NaN is no limit.

    Attributes
    ----------
    bad, suspect : pair
        Ranges outside which a value is bad, or suspect.
    spike, noise : pair
        Spike; and the least spike that is suspect where it is more than so many mean changes of the hour before.
    step, rate : pair
        Change from one reading to the next, a minute apart; change per second.
    still : float
        Range of values below which a sensor does not live.
    minutes : pair
        How long it may stay so.
    between : pair
        Only values between these may not stay so.
    windy : float
        Persistence is told only while the wind blows faster than this. [m s-1]
    """

    bad: Pair = NONE
    suspect: Pair = NONE
    spike: Pair = NONE
    noise: Pair = NONE
    step: Pair = NONE
    rate: Pair = NONE
    still: float = NOTHING
    minutes: Pair = (60.0, 240.0)
    between: Pair = (-float("inf"), float("inf"))
    windy: float = NOTHING


def _state(bad: Pair, small: float, step: Pair, still: float = NOTHING) -> Default:
    """Return limits of a state that changes slowly: what is a step is a spike, and twice that a rate over a gap."""
    rate = (step[1] / 60, 2 * step[1] / 60)
    return Default(bad=bad, spike=step, noise=(small, 12.0), step=step, rate=rate, still=still)


def _sunlight(high: float, watts: float) -> Default:
    """Return limits of light; ``watts`` is how much of its unit is 1 W m-2."""
    return Default(
        bad=(-15 * watts, high),
        suspect=(-8 * watts, high),
        spike=(800 * watts, 1000 * watts),
        step=(800 * watts, 1000 * watts),
        still=0.5 * watts,
        between=(20 * watts, float("inf")),
    )


_LONGWAVE = Default(spike=(100, 200), step=(100, 200), still=0.01, minutes=(120, 240))

DEFAULTS: dict[str, Default] = {
    "TA": _state((-80, 60), 0.8, (3, 5), 0.1),
    "T_DEW": _state((-90, 40), 1.5, (4, 6), 0.1),
    "RH": replace(_state((0, 105), 5, (10, 15), 1.0), suspect=(1, 103), between=(0, 95)),
    "VPD": replace(_state((-1, 120), 1.5, (6, 12), 0.02), suspect=(-0.3, 120), between=(0.5, float("inf"))),
    "PA": replace(_state((50, 110), 0.03, (0.05, 0.2), 0.01), minutes=(180, 240)),
    "WS": Default(bad=(0, 75), spike=(10, 20), step=(10, 20), still=0.5, between=(2, 75)),
    "WS_MAX": Default(bad=(0, 100), spike=(20, 40), step=(20, 40), still=0.5, between=(3, 100)),
    "WD": Default(bad=(0, 360), still=10, windy=2),
    "P": Default(bad=(0, 60), suspect=(0, 20)),
    "SW_IN": _sunlight(1600, 1),
    "SW_OUT": _sunlight(1300, 1),
    "SW_DIF": _sunlight(1200, 1),
    "PPFD_IN": _sunlight(3500, 2.05),
    "PPFD_OUT": _sunlight(2800, 2.05),
    "LW_IN": replace(_LONGWAVE, bad=(40, 700)),
    "LW_OUT": replace(_LONGWAVE, bad=(40, 900)),
    "NETRAD": Default(bad=(-300, 1200), spike=(800, 1000), step=(800, 1000), still=0.01, minutes=(120, 240)),
    "G": Default(bad=(-300, 400), spike=(30, 60), step=(30, 60), still=0.001, minutes=(120, 240)),
    "TS": _state((-80, 80), 0.4, (0.5, 1)),
    "SWC": _state((0, 100), 2, (10, 20)),
    "D_SNOW": Default(bad=(-20, 1500), spike=(10, 30), step=(20, 50)),
    "CO2": Default(suspect=(300, 1000), spike=(50, 200), step=(100, 400), still=0.05),
    "CO2_MIXING_RATIO": Default(suspect=(300, 1000), spike=(50, 200), step=(100, 400), still=0.05),
}
"""Base name -> limits of one-minute values in the variable's unit; others have only their plausible range."""
