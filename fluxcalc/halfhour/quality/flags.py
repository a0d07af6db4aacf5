"""Quality flags: is the turbulence steady, and is it as developed as its stability lets expect?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from core.constants import EARTH_ROTATION
from core.station import Station
from core.variables import flux_column
from fluxcalc.halfhour.choices import choices
from fluxcalc.halfhour.interval import HalfHour, flux_of
from fluxcalc.halfhour.state import NOT_TESTABLE, IntegralDeviations, WindComponent

CLASS_LIMITS = (15, 30, 50, 75, 100, 250, 500, 1000)
"""Upper ends of classes 1 to 8, in percent; class 9 is above."""


class QualityTests(NamedTuple):
    """The tests of a flux: its stationarity, and the wind components whose turbulence must be developed."""

    stationarity: str
    integral: tuple[WindComponent, ...] = ("w",)


QUALITY_TESTS = {
    "TAU": QualityTests("ustar", ("u", "w")),
    "H": QualityTests("w_ts"),
    "LE": QualityTests("w_h2o"),
    "FC": QualityTests("w_co2"),
}
"""The fluxes of any half-hour; other gases are tested as CO2 is."""


FOKEN_TABLE: tuple[tuple[int, tuple[int, int], tuple[int, int]], ...] = (
    (1, (1, 1), (1, 2)),
    (2, (2, 2), (1, 2)),
    (3, (1, 2), (3, 4)),
    (4, (3, 4), (1, 2)),
    (5, (1, 4), (3, 5)),
    (6, (5, 5), (1, 5)),
    (7, (1, 6), (1, 6)),
    (8, (1, 8), (1, 8)),
)
"""Overall class, first and last class of stationarity, of developed turbulence; the first row that holds is taken."""


def tested_column(gas: str) -> str:
    """Return the column by which the flux of a gas is flagged: ``LE`` of water vapour, ``FC``, ``FCH4``..."""
    return "LE" if gas == "h2o" else flux_column(gas.upper())


def tested_fluxes(half: HalfHour) -> dict[str, QualityTests]:
    """Return the columns of the fluxes that are tested, with the tests of each."""
    return QUALITY_TESTS | {tested_column(gas): QualityTests(f"w_{gas}") for gas in half.gases}


def flag_quality(half: HalfHour, station: Station) -> HalfHour:
    """Flag each flux by the station's method, with a reason in words for what is not the best."""
    return QUALITY[flux_of(station).methods.quality](half, station)


def flag_mauder_foken(half: HalfHour, station: Station) -> HalfHour:
    """Flag 0 if both tests are in classes 1 and 2, 1 up to class 5, else 2; a flux that is missing has no flag.

    Where the model of developed turbulence says nothing (next to the equator), stationarity decides alone.

    References
    ----------
    Mauder & Foken (2004), Arbeitsergebnisse 26, Universitaet Bayreuth; Foken et al. (2004), doi:10.1007/1-4020-2265-4_9
    """
    deviations = integral_deviations(half, station.station.latitude)
    flags: dict[str, int] = {}
    reasons = dict(half.reasons)
    for name, (steady, developed) in deviations_by_flux(half, deviations).items():
        flags[name] = max(flag_of(class_of(steady)), flag_of(class_of(developed)))
        if flags[name]:
            reasons[f"{name}_SSITC_TEST"] = _explain(steady, developed)
    if flags.get("H") == 0 and math.isnan(half.raw_fluxes.h2o):
        flags["H"] = 1
        reasons["H_SSITC_TEST"] = "humidity is not taken out of the sonic's heat flux: no water vapour flux"
    return replace(
        half,
        integral_deviations=deviations,
        flags=flags,
        reasons=reasons,
        diagnostics=half.diagnostics_with(**deviations.published()),
    )


def grade_foken(half: HalfHour, station: Station) -> HalfHour:
    """Publish the classes 1 (best) to 9 of Foken et al. (2004) as ``class_tau, class_h, class_le, class_fc``...

    The flags themselves stay those of Mauder & Foken: their column is defined as 0, 1, 2, and later steps filter by it.

    References
    ----------
    Foken et al. (2004), table 9.5, doi:10.1007/1-4020-2265-4_9
    """
    return _grade(half, station, foken_class, "of 9 (Foken 2004)")


def grade_goeckede(half: HalfHour, station: Station) -> HalfHour:
    """Publish the classes 1 (best) to 5 of Goeckede et al. (2006), as ``grade_foken`` does.

    References
    ----------
    Goeckede et al. (2006), doi:10.1007/s10546-005-6435-3
    """
    return _grade(half, station, goeckede_class, "of 5 (Goeckede 2006)")


def foken_class(steady: int, developed: int) -> int:
    """Combine the classes 1 to 9 of both tests to the overall class 1 to 9."""
    for overall, (first, last), (least, most) in FOKEN_TABLE:
        if first <= steady <= last and least <= developed <= most:
            return overall
    return 9


def goeckede_class(steady: int, developed: int) -> int:
    """Combine the classes 1 to 9 of both tests to the overall class 1 to 5: two of Foken's nine make one."""
    return (foken_class(steady, developed) + 1) // 2


def deviations_by_flux(half: HalfHour, deviations: IntegralDeviations) -> dict[str, tuple[float, float]]:
    """Return the deviations that judge each flux: from stationarity and from developed turbulence, in percent."""
    return {
        name: (half.stationarity[test.stationarity], deviations.largest(test.integral))
        for name, test in tested_fluxes(half).items()
        if test.stationarity in half.stationarity
    }


def integral_deviations(half: HalfHour, latitude: float) -> IntegralDeviations:
    """Return how far sd(u)/u* and sd(w)/u* are from the model, in percent cut to whole numbers; NaN: not testable.

    Parameters
    ----------
    half : HalfHour
        With final friction velocity and stability.
    latitude : float
        [degrees north]

    References
    ----------
    Foken & Wichura (1996), doi:10.1016/0168-1923(95)02248-1; Thomas & Foken (2002)
    """
    ustar, stability = half.fluxes.ustar, half.stability
    if not (ustar > 0 and math.isfinite(stability)):
        return NOT_TESTABLE
    models = integral_models(ustar, stability, latitude)
    measured = {"u": math.sqrt(half.covariance("uu")) / ustar, "w": math.sqrt(half.covariance("ww")) / ustar}
    return IntegralDeviations(
        **{
            # a model that gives no positive deviation cannot be held against the measurement
            name: float(math.trunc(100.0 * abs((model - measured[name]) / model))) if model > 0 else 0.0
            for name, model in models.items()
        }
    )


def integral_models(ustar: float, stability: float, latitude: float) -> dict[str, float]:
    """Return sd(u)/u* and sd(w)/u* of developed turbulence.

    Parameters
    ----------
    ustar : float
        [m s-1], positive
    stability : float
        (z - d)/L. [1]
    latitude : float
        [degrees north]
    """
    if stability < -0.2:
        return {"u": 4.15 * abs(stability) ** (1 / 8), "w": 1.3 * (1.0 - 2.0 * stability) ** (1 / 3)}
    coriolis = 2.0 * EARTH_ROTATION * abs(math.sin(math.radians(latitude)))
    if coriolis == 0:
        return {"u": 0.0, "w": 0.0}
    logarithm = math.log(coriolis / ustar)  # of z+ f/u*, with z+ = 1 m
    return {"u": 0.44 * logarithm + 6.3, "w": 0.21 * logarithm + 3.1}


def class_of(percent: float) -> int:
    """Return the class 1 to 9 of a deviation; what cannot be tested is 9."""
    if math.isnan(percent):
        return 9
    return 1 + sum(percent > limit for limit in CLASS_LIMITS)


def flag_of(test: int) -> int:
    """Return the flag of a class."""
    return 0 if test <= 2 else 1 if test <= 5 else 2


def _grade(half: HalfHour, station: Station, combine: Callable[[int, int], int], scale: str) -> HalfHour:
    half = flag_mauder_foken(half, station)
    classes: dict[str, float] = {}
    reasons = dict(half.reasons)
    for name, (steady, developed) in deviations_by_flux(half, half.integral_deviations).items():
        parts = class_of(steady), class_of(developed)
        overall = classes[f"class_{name.lower()}"] = combine(*parts)
        if overall > 1:
            key = f"{name}_SSITC_TEST"
            classed = (
                f"class {overall} {scale}: stationarity in class {parts[0]}, developed turbulence in class {parts[1]}"
            )
            reasons[key] = f"{classed}; {reasons[key]}" if key in reasons else classed
    return replace(half, reasons=reasons, diagnostics=half.diagnostics_with(**classes))


def _explain(steady: float, developed: float) -> str:
    parts = []
    if flag_of(class_of(steady)):
        parts.append(
            "stationarity cannot be tested"
            if math.isnan(steady)
            else f"not stationary: the whole interval differs by {steady:.0f} % from the mean of its six parts"
        )
    if flag_of(class_of(developed)):
        parts.append(
            "developed turbulence cannot be tested: no stability or friction velocity"
            if math.isnan(developed)
            else f"turbulence not developed: {developed:.0f} % from the model at this stability"
        )
    return "; ".join(parts)


QUALITY = choices(
    "quality",
    {
        "mauder_foken_2004": flag_mauder_foken,
        "foken_2004": grade_foken,
        "goeckede_2006": grade_goeckede,
    },
)
