"""What two sensors apart do not see together, by the place of the second in the wind of the first."""

from __future__ import annotations

import math

from core.station import Analyzer

UNSTABLE_CROSSWIND = 0.15
UNSTABLE_BELOW = 0.013
UNSTABLE_ABOVE = 0.1


def separation_factor(analyzer: Analyzer | None, direction: float, height: float, stability: float) -> float:
    """Return the factor for an analyser beside and above or below the sonic.

    What lies along the wind is left out: there the gas comes later or earlier, and the lag of the largest covariance
    takes that out.

    Parameters
    ----------
    analyzer : Analyzer or None
        None stands in the sonic's centre.
    direction : float
        Where the wind comes from, clockwise from north. [deg]
    height : float
        Of the sonic above the displacement height. [m]
    stability : float
        (z - d)/L at that height; NaN counts as neutral. [1]

    Returns
    -------
    float
        1 and more. [1]

    References
    ----------
    Horst & Lenschow (2009), doi:10.1007/s10546-008-9348-0; the vertical distance over the height of the analyser
    """
    if analyzer is None:
        return 1.0
    zeta = 0.0 if math.isnan(stability) else stability
    across = crosswind_distance(analyzer, direction)
    vertical = analyzer.vertical_separation
    analyzer_height = height + vertical
    exponent = crosswind_number(zeta) * across / height
    if vertical:
        number = vertical_number(zeta * analyzer_height / height, above=vertical > 0)
        exponent += number * abs(vertical) / analyzer_height
    return math.exp(2.0 * math.pi * exponent)


def crosswind_distance(analyzer: Analyzer, direction: float) -> float:
    """Return how far an analyser stands across a wind from a direction in deg. [m]"""
    angle = math.radians(direction)
    return abs(analyzer.eastward_separation * math.cos(angle) - analyzer.northward_separation * math.sin(angle))


def crosswind_number(zeta: float) -> float:
    """Return the dimensionless wavenumber by which a flux falls with crosswind distance, at a stability z/L."""
    return UNSTABLE_CROSSWIND if zeta <= -0.05 else 2.43 - 2.28 / (1.01 + 0.2 * zeta) ** 2


def vertical_number(zeta: float, *, above: bool) -> float:
    """Return the same for vertical distance, of an analyser above or below the sonic."""
    if above:
        return UNSTABLE_ABOVE if zeta <= 0.03 else 0.43 - 0.33 / (0.964 + 1.2 * zeta) ** 2
    return UNSTABLE_BELOW if zeta <= -0.03 else 0.30 - 0.287 / (1.051 + 1.7 * zeta) ** 2
