"""Point-by-point ratios to dry air, which make density corrections needless for closed paths."""

from __future__ import annotations

from dataclasses import replace

from core.constants import R_UNIVERSAL
from core.station import Station
from fluxcalc.interval import GASES, HalfHour


def dry_ratios(half: HalfHour, station: Station) -> HalfHour:
    """Turn mole fractions of moist air into ratios to dry air, sample by sample.

    Needs the water vapour of the same analyser at the same moment. A density measured in a closed path becomes a
    mole fraction by the temperature and pressure of its cell; without them it is set aside.

    References
    ----------
    Ibrom et al. (2007), doi:10.1111/j.1600-0889.2007.00307.x
    """
    half = _fractions_in_cell(half, station)
    moist = [gas for gas in GASES if half.has(gas) and half.kinds[gas] == "fraction"]
    if not moist:
        return half
    if not half.has("h2o") or half.kinds["h2o"] == "density":
        why = "a mole fraction of moist air needs the water vapour of the same analyser as a fraction or ratio"
        return half.without(dict.fromkeys(moist, why))
    water = half.series["h2o"]
    dry_part = 1.0 - water if half.kinds["h2o"] == "fraction" else 1.0 / (1.0 + water)
    return replace(
        half,
        series={**half.series, **{gas: half.series[gas] / dry_part for gas in moist}},
        kinds={**half.kinds, **dict.fromkeys(moist, "ratio")},
    )


def _fractions_in_cell(half: HalfHour, station: Station) -> HalfHour:
    """Turn densities of closed paths into mole fractions of the moist air in their cell."""
    closed = [gas for gas in GASES if half.has(gas) and half.kinds[gas] == "density" and _is_closed(gas, station)]
    if not closed:
        return half
    if not half.has("t_cell", "pa_cell"):
        why = "a density in a closed path needs the temperature and pressure of its cell"
        return half.without(dict.fromkeys(closed, why))
    volume = R_UNIVERSAL * half.series["t_cell"] / half.series["pa_cell"]  # of a mole of moist air [m3]
    return replace(
        half,
        series={**half.series, **{gas: half.series[gas] * volume for gas in closed}},
        kinds={**half.kinds, **dict.fromkeys(closed, "fraction")},
    )


def _is_closed(gas: str, station: Station) -> bool:
    analyzer = station.analyzer_of(gas.upper())
    return analyzer is not None and analyzer.path == "closed"
