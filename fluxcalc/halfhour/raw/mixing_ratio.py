"""Point-by-point ratios to dry air, which make density corrections needless for closed paths."""

from __future__ import annotations

from dataclasses import replace

from core.constants import R_UNIVERSAL
from core.station import Station
from fluxcalc.halfhour.interval import HalfHour
from fluxcalc.halfhour.raw.channels import cell_series


def dry_ratios(half: HalfHour, station: Station) -> HalfHour:
    """Turn mole fractions of moist air into ratios to dry air, sample by sample.

    Needs the water vapour of the same analyser at the same moment. A density measured in a closed path becomes a
    mole fraction by the temperature and pressure of its cell; without them it is set aside.

    References
    ----------
    Ibrom et al. (2007), doi:10.1111/j.1600-0889.2007.00307.x
    """
    half = _fractions_in_cell(half, station)
    moist = [gas for gas in half.gases if half.has(gas) and half.kinds[gas] == "fraction"]
    if not moist:
        return half
    hygrometer = station.analyzer_of("H2O")
    alone = [gas for gas in moist if station.analyzer_of(gas.upper()) is not hygrometer]
    if not half.has("h2o") or half.kinds["h2o"] == "density":
        alone = moist
    if alone:
        why = "a mole fraction of moist air needs the water vapour of the same analyser as a fraction or ratio"
        half = half.without(dict.fromkeys(alone, why))
    together = [gas for gas in moist if gas not in alone]
    if not together:
        return half
    water = half.series["h2o"]
    dry_part = 1.0 - water if half.kinds["h2o"] == "fraction" else 1.0 / (1.0 + water)
    return replace(
        half,
        series={**half.series, **{gas: half.series[gas] / dry_part for gas in together}},
        kinds={**half.kinds, **dict.fromkeys(together, "ratio")},
    )


def _fractions_in_cell(half: HalfHour, station: Station) -> HalfHour:
    """Turn densities of closed paths into mole fractions of the moist air in their cell."""
    for number, analyzer in enumerate((one for one in station.analyzer if one.path == "closed"), start=1):
        mine = [gas for gas in half.gases if half.has(gas) and station.analyzer_of(gas.upper()) is analyzer]
        closed = [gas for gas in mine if half.kinds[gas] == "density"]
        if not closed:
            continue
        cell = [cell_series(name, number) for name in ("t_cell", "pa_cell")]
        if not half.has(*cell):
            why = "a density in a closed path needs the temperature and pressure of its cell"
            half = half.without(dict.fromkeys(closed, why))
            continue
        temperature, pressure = (half.series[name] for name in cell)
        volume = R_UNIVERSAL * temperature / pressure  # of a mole of moist air [m3]
        half = replace(
            half,
            series={**half.series, **{gas: half.series[gas] * volume for gas in closed}},
            kinds={**half.kinds, **dict.fromkeys(closed, "fraction")},
        )
    return half
