"""Point-by-point ratios to dry air, which make density corrections needless for closed paths."""

from __future__ import annotations

from dataclasses import replace

from core.station import Station
from fluxcalc.interval import GASES, HalfHour


def dry_ratios(half: HalfHour, station: Station) -> HalfHour:
    """Turn mole fractions of moist air into ratios to dry air, sample by sample.

    Needs the water vapour of the same analyser at the same moment. A density measured in a closed path is set aside:
    its cell's temperature and pressure are not known.
    """
    absent: dict[str, str] = {}
    for gas in GASES:
        analyzer = station.analyzer_of(gas.upper())
        if half.has(gas) and half.kinds[gas] == "density" and analyzer is not None and analyzer.path == "closed":
            absent[gas] = "a density in a closed path needs the temperature and pressure of its cell"
    half = half.without(absent)
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
