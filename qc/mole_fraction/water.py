"""Moist mole fractions become dry ones, by instrument and date."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.records import FloatArray
from core.station.mole_fraction import MoleFraction, WaterCorrection, in_ns
from qc.mole_fraction.series import Times

CHEN_2010: dict[str, tuple[float, float, float]] = {"CO2": (1.0, -0.0120, -2.674e-4), "CH4": (1.0, -0.00982, -2.393e-4)}
"""What a cavity ring-down analyser of CO2 and CH4 needs if its own coefficients are not known; H in %."""
DILUTION = (1.0, -0.01, 0.0)
"""Dilution alone, for a gas of which no line broadening is known: 1 % of vapour leaves 99 % of dry air."""
SLOPE_UNCERTAINTY = 4e-5
"""Of c1 where the station file gives none, per %: 0.05 ppm of CO2 at 3 % of water, as between analysers of a type."""
CO_SLOPE_UNCERTAINTY = 0.5
"""Of c1 of CO where the station file gives none. [ppb/%]"""
MIN_WATER = -0.02
"""Less than this is no noise about zero but a fault. [%]"""
MAX_WATER = 10.0
"""Air holds no more, at any temperature that a mast sees. [%]"""


def dry(gas: str, wet: FloatArray, water: FloatArray, coefficients: tuple[float, ...]) -> FloatArray:
    """Return the dry mole fraction.

    Parameters
    ----------
    gas : str
        CO is corrected by a difference, every other gas by a ratio.
    wet : ndarray, shape (n,)
        Mole fraction in moist air, in the gas's unit (CO in nmol mol-1).
    water : ndarray, shape (n,)
        Water vapour mole fraction H. [%]
    coefficients : tuple of float
        CO: dry = wet - (c0 + c1 H + c2 H2 + c3 H3); others: dry = wet / (c0 + c1 H + c2 H2).

    Returns
    -------
    ndarray, shape (n,)
        NaN where one is missing.

    References
    ----------
    Chen et al. (2010), eq. 11, doi:10.5194/amt-3-375-2010; NOAA GML's in-situ configuration
    """
    c0, c1, c2, c3 = (*coefficients, 0.0)[:4]
    polynomial = c0 + water * (c1 + water * (c2 + water * c3))
    result: FloatArray = wet - polynomial if gas == "CO" else wet / polynomial
    return result


def corrections_of(part: MoleFraction, gas: str) -> list[tuple[int, WaterCorrection | None]]:
    """Return from when on which correction holds, oldest first; None stands for the fallback."""
    own = sorted((in_ns(one.start) or -(2**62), i) for i, one in enumerate(part.water_correction) if one.gas == gas)
    found: list[tuple[int, WaterCorrection | None]] = [(start, part.water_correction[i]) for start, i in own]
    return found if found and found[0][0] == -(2**62) else [(-(2**62), None), *found]


def fallback(gas: str) -> tuple[float, ...]:
    """Return the coefficients that hold where the station file has none."""
    return (0.0, 0.0, 0.0) if gas == "CO" else CHEN_2010.get(gas, DILUTION)


def correct_water(
    part: MoleFraction, gas: str, time: Times, wet: FloatArray, water: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_], list[str]]:
    """Make a gas dry, each time by the correction of its date.

    Returns
    -------
    dry : ndarray, shape (n,)
        NaN where the water is missing or negative.
    fault : ndarray, shape (n,), bool
        Whether the water is missing, below ``MIN_WATER`` or above ``MAX_WATER``.
    notes : list of str
        What is out of the ordinary: that the fallback was used.
    """
    fault = ~((water >= MIN_WATER) & (water <= MAX_WATER))
    vapour = np.where(fault, np.nan, np.maximum(water, 0.0))
    result, notes = np.full(len(time), np.nan), []
    pieces = corrections_of(part, gas)
    for i, (start, one) in enumerate(pieces):
        end = pieces[i + 1][0] if i + 1 < len(pieces) else 2**62
        low, high = np.searchsorted(time, (start, end))
        if low == high:
            continue
        coefficients = fallback(gas) if one is None else one.coefficients
        result[low:high] = dry(gas, wet[low:high], vapour[low:high], coefficients)
        if one is None:
            notes.append(_fallback_note(gas))
    return result, fault, notes


def water_uncertainty(part: MoleFraction, gas: str, time_ns: int) -> tuple[float, float, float]:
    """Return the uncertainties of c1, c2 and c3 that hold at a time.

    That of c0 has no part in a calibrated value: c0 is the same for the tanks, which are dry.
    """
    pieces = [one for start, one in corrections_of(part, gas) if start <= time_ns]
    one = pieces[-1] if pieces else None
    if one is None or not one.uncertainties:
        return (CO_SLOPE_UNCERTAINTY if gas == "CO" else SLOPE_UNCERTAINTY), 0.0, 0.0
    _, u1, u2, u3 = (*one.uncertainties, 0.0)[:4]
    return u1, u2, u3


def _fallback_note(gas: str) -> str:
    if gas == "CO":
        return "water: no coefficients of CO in the station file: it is taken as dry"
    source = "Chen et al. (2010)" if gas in CHEN_2010 else "dilution alone"
    numbers = ", ".join(f"{one:g}" for one in fallback(gas))
    return f"water: no coefficients of {gas} in the station file: {source} is used ({numbers})"
