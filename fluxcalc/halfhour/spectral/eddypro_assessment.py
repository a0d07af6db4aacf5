"""The spectral assessment in EddyPro's dialect: noise removed, any number of intervals a class of humidity.

Every choice here was found in that program's output for 64 half-hours (``tests/fluxcalc/halfhour/spectral``); what
could not be found is said in docs/science/spectra.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.fft import rfft
from scipy.optimize import curve_fit, least_squares
from scipy.signal.windows import hamming

from core.records import FloatArray
from fluxcalc.halfhour.fits import Fits
from fluxcalc.halfhour.interval import HalfHour
from fluxcalc.halfhour.spectral.cutoff_fit import FITTED_BAND, SPECTRUM_BINS, minimise_on_logarithm
from fluxcalc.halfhour.spectral.eddypro_factors import first_power_of_two, heat_cospectrum
from fluxcalc.halfhour.spectral.in_situ import LARGE_FLUXES, has_large_fluxes, stability_class

MAX_WEIGHTED_DENSITY = 1.0
"""f S/variance above which a spectrum is no turbulence: over ln f, a bin of 0.18, all of them add up to 1. [1]"""

NOISE_FROM = 1.0
"""Frequency from which a line through the density of a gas is its noise. [Hz]"""

HUMIDITY_STEP = 0.1
"""Classes of relative humidity lie around multiples of it, from one to nine. [1]"""

CURVE_CLASSES = 3
"""Classes that a curve over humidity needs."""

FILTER_GAINS = 0.64 / 2.0 ** np.arange(3, 9)
"""Part of a new sample that recursive filters take up, by which the cospectrum of heat is degraded. [1]"""

MAX_ATTENUATION = 20.0
"""Factors by which the covariance of heat may fall behind them; more is that of a covariance near zero. [1]"""

MIN_FACTORS = 10
"""Factors that the two constants of a stability need."""


@dataclass(frozen=True, slots=True)
class EddyproAssessment:
    """What the assessment keeps of one interval.

    Attributes
    ----------
    frequency : ndarray, shape (m,)
        Means over bins. [Hz]
    counts : ndarray, shape (m,)
        Frequencies in each bin.
    temperature : ndarray, shape (m,)
        Mean frequency times mean density, over the variance. [1]
    gases : mapping of str to ndarray, shape (m,)
        The same of the gases whose fluxes were large.
    humidity : float
        Relative. [1]
    wind : float
        Mean wind speed. [m s-1]
    stability : str
        ``stable`` or ``unstable``.
    cutoffs, factors : ndarray, shape (6,)
        Cut-off frequencies of filters [Hz], and by which factors the covariance of heat falls behind them. [1]
    """

    frequency: FloatArray
    counts: FloatArray
    temperature: FloatArray
    gases: Mapping[str, FloatArray]
    humidity: float
    wind: float
    stability: str
    cutoffs: FloatArray
    factors: FloatArray


def assess_as_eddypro(half: HalfHour) -> EddyproAssessment | None:
    """Keep the spectra of an interval, if momentum and heat are exchanged well in it by the limits of unstable air.

    Of gases those whose flux is large, too, and whose spectrum is nowhere more than ``MAX_WEIGHTED_DENSITY``. Quality
    flags do not matter.
    """
    smallest, raw = LARGE_FLUXES["unstable"], half.raw_fluxes
    if half.air is None or not half.has("w", "ts"):
        return None
    if not (raw.ustar >= smallest["ustar"] and abs(raw.h) >= smallest["h"]):
        return None
    large = [gas for gas in half.gases if half.has(gas) and has_large_fluxes(half, gas, stability="unstable")]
    frequency, counts, temperature = binned_spectrum(half.series["ts"], half.dt)
    gases = {gas: binned_spectrum(half.series[gas], half.dt)[2] for gas in large}
    cutoffs = -np.log1p(-FILTER_GAINS) / (2.0 * math.pi * half.dt)
    return EddyproAssessment(
        frequency,
        counts,
        temperature,
        {gas: spectrum for gas, spectrum in gases.items() if spectrum.max() <= MAX_WEIGHTED_DENSITY},
        half.air.relative_humidity,
        half.wind_speed,
        stability_class(half),
        cutoffs,
        _degrade(half, cutoffs),
    )


def binned_spectrum(series: FloatArray, dt: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return mean frequencies [Hz], frequencies a bin, and frequency times density over the variance.

    Of the first samples whose number is a power of two, about the mean of all, behind a Hamming window. Borders of bins
    rise by one factor from one over the length of the series to half the sampling rate.

    Parameters
    ----------
    series : ndarray, shape (n,), float64
        NaN is missing. [any]
    dt : float
        Time between samples. [s]
    """
    x = first_power_of_two(series)
    n = len(x)
    window = hamming(n, sym=False)
    density = 2.0 * dt / float(window @ window) * np.abs(rfft(x * window)[1:]) ** 2 / np.var(x)
    density[-1] /= 2.0
    frequency = np.arange(1, len(density) + 1) / (n * dt)
    borders = np.geomspace(1.0 / (len(series) * dt), frequency[-1], SPECTRUM_BINS + 1)
    borders[-1] = frequency[-1]  # geomspace may end a digit below, and leave the last frequency out
    which = np.searchsorted(borders[1:], frequency * (1.0 - 1e-12))
    counts = np.bincount(which, minlength=SPECTRUM_BINS).astype(np.float64)
    filled = counts > 0
    means = [np.bincount(which, weights=one, minlength=SPECTRUM_BINS)[filled] for one in (frequency, density)]
    return means[0] / counts[filled], counts[filled], means[0] * means[1] / counts[filled] ** 2


def _degrade(half: HalfHour, cutoffs: FloatArray) -> FloatArray:
    """Return by which factor the covariance of heat falls behind the root of each filter; NaN where it turns round."""
    frequency, heat = heat_cospectrum(half)
    left = np.array([(heat / np.sqrt(1.0 + (frequency / cutoff) ** 2)).sum() for cutoff in cutoffs])
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = heat.sum() / left
    return np.where((factors > 1.0) & (factors < MAX_ATTENUATION), factors, math.nan)


def fit_as_eddypro(assessed: Sequence[EddyproAssessment], fits: Fits) -> Fits:
    """Return fits with cut-off frequencies and attenuation out of many intervals; the rest of them stays.

    Vapour has a curve over relative humidity if at least three classes of it can be fitted, else the classes.

    Parameters
    ----------
    assessed : sequence of EddyproAssessment
        Of one station, with intervals and sampling all alike.
    fits : Fits
        So far in force.
    """
    cutoffs, curves = dict(fits.cutoffs), dict(fits.cutoff_curves)
    for gas in sorted({gas for one in assessed for gas in one.gases}):
        members = [one for one in assessed if gas in one.gases]
        if gas != "h2o":
            found = fit_members(members, gas)
            if not math.isnan(found):
                cutoffs[gas] = ((0.0, 1.0, found),)
            continue
        classes = fit_humidity_classes(members, gas)
        if len(classes) >= CURVE_CLASSES:
            curves[gas] = fit_curve(classes)
        elif classes:
            cutoffs[gas] = tuple(classes)
    attenuation = {**fits.attenuation, **fit_wind_constants(assessed)}
    return replace(fits, cutoffs=cutoffs, cutoff_curves=curves, attenuation=attenuation)


def fit_humidity_classes(members: Sequence[EddyproAssessment], gas: str) -> list[tuple[float, float, float]]:
    """Return (lowest RH, highest RH, cut-off frequency [Hz]) of each class with an interval."""
    places = [min(max(math.floor(one.humidity / HUMIDITY_STEP + 0.5), 1), 9) for one in members]
    found = []
    for place in sorted(set(places)):
        cutoff = fit_members([one for one, where in zip(members, places, strict=True) if where == place], gas)
        if not math.isnan(cutoff):
            found.append(((place - 0.5) * HUMIDITY_STEP, (place + 0.5) * HUMIDITY_STEP, cutoff))
    return found


def fit_members(members: Sequence[EddyproAssessment], gas: str) -> float:
    """Return the cut-off frequency behind which temperature's mean spectrum is nearest to the gas's, without noise.

    The line of noise goes through the gas's density from ``NOISE_FROM`` on. Both it and the filter F/(1 + (f/fc)^2), F
    free, are fitted by least squares, each bin weighted by its frequencies.

    Returns
    -------
    float
        [Hz]; NaN where the gas does not fall behind.
    """
    frequency, counts = members[0].frequency, members[0].counts
    heat = np.mean([one.temperature for one in members], axis=0)
    spectrum = np.mean([one.gases[gas] for one in members], axis=0)
    noisy = frequency >= NOISE_FROM
    if np.count_nonzero(noisy) > 1:
        line = np.polynomial.Polynomial.fit(
            frequency[noisy], spectrum[noisy] / frequency[noisy], 1, w=np.sqrt(counts[noisy])
        )
        spectrum = spectrum - frequency * line(frequency)
    used = (frequency >= FITTED_BAND[0]) & (frequency <= FITTED_BAND[1])
    frequency, counts, heat, spectrum = frequency[used], counts[used], heat[used], spectrum[used]
    if len(frequency) < 5:
        return math.nan

    def misfit(cutoff: float) -> float:
        behind = heat / (1.0 + (frequency / cutoff) ** 2)
        scale = (counts * behind * spectrum).sum() / (counts * behind * behind).sum()
        return float((counts * (spectrum - scale * behind) ** 2).sum())

    return minimise_on_logarithm(misfit, (frequency[0], 20.0 * frequency[-1]))


def fit_curve(classes: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    """Return (a, b, c) of the cut-off frequency exp(a + b RH + c RH^2) nearest to those of classes, in Hz.

    References
    ----------
    Ibrom et al. (2007), doi:10.1016/j.agrformet.2007.07.007
    """
    humidity = np.array([(low + high) / 2 for low, high, _ in classes])
    cutoffs = np.array([cutoff for *_, cutoff in classes])
    first = np.polynomial.Polynomial.fit(humidity, np.log(cutoffs), 2).convert().coef

    def curve(x: FloatArray, a: float, b: float, c: float) -> FloatArray:
        return np.exp(a + b * x + c * x * x)

    (a, b, c), _ = curve_fit(curve, humidity, cutoffs, p0=np.resize(first, 3), maxfev=10_000)
    return float(a), float(b), float(c)


def fit_wind_constants(assessed: Sequence[EddyproAssessment]) -> dict[str, tuple[float, float]]:
    """Return (a1, a2) of the factor 1 + a1 U/(a2 + fc) for ``stable`` and ``unstable`` air, as far as there is enough.

    Nearest to the factors by which heat fell behind, relative to each of them.
    """
    found = {}
    for stability in ("unstable", "stable"):
        members = [one for one in assessed if one.stability == stability]
        rows = [
            (one.wind, cutoff, factor)
            for one in members
            for cutoff, factor in zip(one.cutoffs, one.factors, strict=True)
            if not math.isnan(factor)
        ]
        if len(rows) < MIN_FACTORS:
            continue
        wind, cutoff, factor = np.array(rows).T

        def misfit(
            logarithms: FloatArray, wind: FloatArray = wind, cutoff: FloatArray = cutoff, factor: FloatArray = factor
        ) -> FloatArray:
            a1, a2 = np.exp(logarithms)
            relative: FloatArray = (1.0 + a1 * wind / (a2 + cutoff)) / factor - 1.0
            return relative

        a1, a2 = np.exp(least_squares(misfit, np.log([0.02, 0.01])).x)
        found[stability] = (float(a1), float(a2))
    return found
