"""Spectral assessment: how fast a station's analysers are, from many intervals of its own spectra.

Temperature from the sonic is taken as measured without loss; what a gas's spectrum lacks beside it is the analyser's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize_scalar

from core.records import FloatArray
from fluxcalc.halfhour.fits import Fits
from fluxcalc.halfhour.interval import HalfHour
from fluxcalc.halfhour.quality.flags import tested_column
from fluxcalc.halfhour.spectral.in_situ import has_large_fluxes, pass_low, stability_class
from fluxcalc.halfhour.spectral.spectra import bin_logarithmically, compute_cospectrum, compute_spectrum

SPECTRUM_BINS = 50
TRIAL_CUTOFFS = np.geomspace(0.02, 5.0, 12)
"""Cut-off frequencies by which the cospectrum of heat is degraded. [Hz]"""

HUMIDITY_CLASSES: tuple[tuple[float, float], ...] = tuple((low / 10, (low + 1) / 10) for low in range(10))
ANY_HUMIDITY: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
MIN_INTERVALS = 10
FITTED_BAND = (0.005, 2.0)
"""Frequencies at which spectra are compared, if nothing else is said. [Hz]"""


@dataclass(frozen=True, slots=True)
class SpectralAssessment:
    """What the assessment keeps of one interval.

    Attributes
    ----------
    frequency : ndarray, shape (m,)
        [Hz]
    temperature : ndarray, shape (m,)
        Spectrum over its variance. [Hz-1]
    gases : mapping of str to ndarray, shape (m,)
        The same of the gases whose fluxes were large.
    humidity : float
        Relative. [1]
    wind : float
        Mean wind speed. [m s-1]
    stability : str
        ``stable`` or ``unstable``.
    lost : ndarray, shape of ``TRIAL_CUTOFFS``
        Factor - 1 by which the covariance of heat falls behind each filter; NaN where it was small. [1]
    """

    frequency: FloatArray
    temperature: FloatArray
    gases: Mapping[str, FloatArray]
    humidity: float
    wind: float
    stability: str
    lost: FloatArray


def assess_spectra(half: HalfHour) -> SpectralAssessment | None:
    """Keep the spectra of an interval, if heat and at least one gas are exchanged well in it.

    Parameters
    ----------
    half : HalfHour
        After its last step. Fluxes must be large (``fluxcalc.halfhour.spectral.in_situ.LARGE``) and of quality 0 or 1.

    Returns
    -------
    SpectralAssessment or None
        None if the interval says nothing.
    """
    gases = [
        gas
        for gas in half.gases
        if half.has(gas) and has_large_fluxes(half, gas) and half.flags.get(tested_column(gas), 2) < 2
    ]
    if not gases or half.air is None or half.flags.get("H", 2) == 2 or not half.has("w", "ts"):
        return None
    spectra = {name: compute_spectrum(half.series[name], half.dt) for name in ("ts", *gases)}
    relative = {name: one.density / one.covariance for name, one in spectra.items()}
    binned = bin_logarithmically(spectra["ts"].frequency, SPECTRUM_BINS, **relative)
    return SpectralAssessment(
        binned["frequency"],
        binned["ts"],
        {gas: binned[gas] for gas in gases},
        half.air.relative_humidity,
        half.wind_speed,
        stability_class(half),
        _degrade(half),
    )


def _degrade(half: HalfHour) -> FloatArray:
    heat = compute_cospectrum(half.series["w"], half.series["ts"], half.dt)
    whole = heat.density.sum()
    left = np.array([(heat.density * pass_low(heat.frequency, cutoff)).sum() for cutoff in TRIAL_CUTOFFS])
    with np.errstate(divide="ignore", invalid="ignore"):
        lost = whole / left - 1.0
    return np.where((left * whole > 0) & (lost > 0), lost, math.nan)


def fit_spectra(assessed: Sequence[SpectralAssessment], fits: Fits, *, band: tuple[float, float] = FITTED_BAND) -> Fits:
    """Return fits with cut-off frequencies and attenuation out of many intervals; the rest of them stays.

    Parameters
    ----------
    assessed : sequence of SpectralAssessment
        Of one station, with intervals and sampling all alike.
    fits : Fits
        So far in force.
    band : (float, float), optional
        Frequencies at which spectra are compared: low enough to see the whole, and below the noise. [Hz]
    """
    gases = sorted({gas for one in assessed for gas in one.gases} - {"h2o"})
    cutoffs = {gas: fit_cutoffs(assessed, gas, ANY_HUMIDITY, band=band) for gas in gases}
    cutoffs["h2o"] = smooth_cutoffs(fit_cutoffs(assessed, "h2o", HUMIDITY_CLASSES, band=band))
    found = {gas: classes for gas, classes in cutoffs.items() if classes}
    return replace(
        fits, cutoffs={**fits.cutoffs, **found}, attenuation={**fits.attenuation, **fit_attenuation(assessed)}
    )


def fit_cutoffs(
    assessed: Sequence[SpectralAssessment],
    gas: str,
    classes: Sequence[tuple[float, float]],
    *,
    band: tuple[float, float] = FITTED_BAND,
    minimum: int = MIN_INTERVALS,
) -> tuple[tuple[float, float, float], ...]:
    """Return (lowest RH, highest RH, cut-off frequency [Hz]) for the classes with enough intervals.

    Spectra are averaged over the intervals of a class first: alone each is too ragged.

    Parameters
    ----------
    assessed : sequence of SpectralAssessment
        Those without the gas are left out.
    gas : str
        ``co2``, ``h2o``...
    classes : sequence of (float, float)
        Relative humidity, [low, high); air of 1 and more belongs to the last class. [1]
    band : (float, float), optional
        [Hz]
    minimum : int, optional
        Intervals that a class needs.
    """
    found = []
    for low, high in classes:
        members = [
            one
            for one in assessed
            if gas in one.gases and (low <= one.humidity < high or (high >= 1.0 <= one.humidity))
        ]
        if len(members) < minimum:
            continue
        gas_mean = np.mean([one.gases[gas] for one in members], axis=0)
        heat_mean = np.mean([one.temperature for one in members], axis=0)
        cutoff = fit_cutoff(members[0].frequency, gas_mean / heat_mean, band=band)
        if not math.isnan(cutoff):
            found.append((low, high, cutoff))
    return tuple(found)


def fit_cutoff(frequency: FloatArray, ratio: FloatArray, *, band: tuple[float, float] = FITTED_BAND) -> float:
    """Return the cut-off frequency of the filter F/(1 + (f/fc)^2) that is nearest to a ratio of spectra.

    Parameters
    ----------
    frequency : ndarray, shape (m,)
        Of logarithmic bins. [Hz]
    ratio : ndarray, shape (m,)
        Spectrum of the gas over that of temperature; their scale, F, is free. [1]
    band : (float, float), optional
        Frequencies that count. [Hz]

    Returns
    -------
    float
        [Hz]; NaN with less than five values, or where no filter fits because the gas does not fall behind.

    References
    ----------
    Ibrom et al. (2007), doi:10.1016/j.agrformet.2007.07.007
    """
    counts = (frequency >= band[0]) & (frequency <= band[1]) & np.isfinite(ratio)
    if counts.sum() < 5:
        return math.nan
    return _fit_filter(frequency[counts], ratio[counts])


def smooth_cutoffs(classes: Sequence[tuple[float, float, float]]) -> tuple[tuple[float, float, float], ...]:
    """Return cut-off frequencies by exp(a + b RH + c RH^2) instead of each class's own; of less than four, as they are.

    References
    ----------
    Ibrom et al. (2007), doi:10.1016/j.agrformet.2007.07.007
    """
    if len(classes) < 4:
        return tuple(classes)
    humidity = np.array([(low + high) / 2 for low, high, _ in classes])
    curve = np.polynomial.Polynomial.fit(humidity, np.log([cutoff for _, _, cutoff in classes]), 2)
    return tuple(
        (low, high, float(np.exp(curve(middle)))) for (low, high, _), middle in zip(classes, humidity, strict=True)
    )


def fit_attenuation(
    assessed: Sequence[SpectralAssessment], *, minimum: int = MIN_INTERVALS
) -> dict[str, tuple[float, float]]:
    """Return (a1, a2) of the factor 1 + a1 U/(a2 + fc), for ``stable`` and ``unstable`` air as far as there are enough.

    Parameters
    ----------
    assessed : sequence of SpectralAssessment
        Each with the factors by which the covariance of heat falls behind filters.
    minimum : int, optional
        Intervals that a class needs.

    Returns
    -------
    dict of str to (float, float)
        a1 [m-1], a2 [Hz]

    References
    ----------
    Ibrom et al. (2007), doi:10.1016/j.agrformet.2007.07.007
    """
    found = {}
    for stability in ("unstable", "stable"):
        members = [one for one in assessed if one.stability == stability and np.isfinite(one.lost).any()]
        if len(members) < minimum:
            continue
        lost, wind = np.array([one.lost for one in members]), np.array([[one.wind] for one in members])
        counts = np.isfinite(lost)
        speed, cutoff = np.broadcast_to(wind, lost.shape)[counts], np.broadcast_to(TRIAL_CUTOFFS, lost.shape)[counts]
        a1, a2 = _fit_wind(lost[counts], speed, cutoff)
        if math.isfinite(a1 + a2):
            found[stability] = (a1, a2)
    return found


def _fit_wind(lost: FloatArray, wind: FloatArray, cutoff: FloatArray) -> tuple[float, float]:
    """Return (a1, a2) that bring a1 wind/(a2 + cutoff) nearest to ``lost``, all positive.

    Nearest in logarithms: what small losses say would otherwise drown in the large ones.
    """

    def ratio(a2: float) -> FloatArray:
        return np.log(lost * (a2 + cutoff) / wind)

    a2 = minimise_on_logarithm(lambda a2: float(np.var(ratio(a2))), (1e-4, 10.0))
    return float(np.exp(np.mean(ratio(a2)))), a2


def _fit_filter(frequency: FloatArray, ratio: FloatArray) -> float:
    """Return the cut-off that brings a free multiple of its filter nearest to a ratio of spectra."""
    # a logarithmic bin at ten times the frequency is the mean of ten times the values, and so much surer
    weight = frequency

    def misfit(cutoff: float) -> float:
        kept = 1.0 / (1.0 + (frequency / cutoff) ** 2)
        scale = (weight * kept * ratio).sum() / (weight * kept * kept).sum()
        return float((weight * (ratio - scale * kept) ** 2).sum())

    return minimise_on_logarithm(misfit, (frequency[0], 20.0 * frequency[-1]))


def minimise_on_logarithm(misfit: Callable[[float], float], bounds: tuple[float, float]) -> float:
    """Return the positive number within bounds for which the misfit is least; NaN at the upper bound."""
    low, high = math.log(bounds[0]), math.log(bounds[1])

    def misfit_of_logarithm(logarithm: float) -> float:
        return misfit(math.exp(logarithm))

    found = float(minimize_scalar(misfit_of_logarithm, bounds=(low, high), method="bounded", options={"xatol": 1e-8}).x)
    return math.nan if found > high - 1e-3 else math.exp(found)
