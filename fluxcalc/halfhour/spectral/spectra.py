"""Spectra, cospectra and ogives of an interval: how variance and covariance are spread over frequencies."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.fft import rfft

from core.records import FloatArray
from fluxcalc.halfhour.interval import HalfHour


def cosine_taper(n: int) -> FloatArray:
    """Return a window that rises over the first twentieth as half a cosine, and falls over the last."""
    place = (np.arange(n) + 0.5) / n
    edge = np.minimum(np.minimum(place, 1.0 - place) / 0.05, 1.0)
    return 0.5 * (1.0 - np.cos(np.pi * edge))


TAPERS: Mapping[str, Callable[[int], FloatArray]] = {
    "hamming": np.hamming,
    "hann": np.hanning,
    "bartlett": np.bartlett,
    "cosine": cosine_taper,
    "none": np.ones,
}
"""How an interval fades towards its ends."""

SPECTRA_SERIES = ("u", "v", "w", "ts")  # and the gases


@dataclass(frozen=True, slots=True)
class Spectrum:
    """A one-sided spectrum or cospectrum.

    Attributes
    ----------
    frequency : ndarray, shape (m,)
        1/(n dt), 2/(n dt)... up to half the sampling rate. [Hz]
    density : ndarray, shape (m,)
        Part of the (co)variance per frequency; a cospectrum may be negative. [product of the units s]
    covariance : float
        Of the two series, divisor N. [product of the units]
    """

    frequency: FloatArray
    density: FloatArray
    covariance: float

    @property
    def weighted(self) -> FloatArray:
        """Frequency times density over the covariance: the area over ln f is 1; NaN without covariance. [1]"""
        scale = 1.0 / self.covariance if self.covariance else math.nan
        return self.frequency * self.density * scale

    @property
    def ogive(self) -> FloatArray:
        """Part of the whole sum that lies at each frequency or above; 1 at the lowest; NaN where the sum is 0. [1]

        Where it levels off towards low frequencies the interval was long enough: Foken et al. (2006),
        doi:10.5194/acp-6-4395-2006.
        """
        sums = np.cumsum(self.density[::-1])[::-1]
        return sums / sums[0] if len(sums) and sums[0] != 0 else np.full_like(sums, math.nan)


def compute_spectrum(x: FloatArray, dt: float, *, taper: str = "hamming") -> Spectrum:
    """Return the power spectrum of a series; as ``compute_cospectrum``."""
    return compute_cospectrum(x, x, dt, taper=taper)


def compute_cospectrum(x: FloatArray, y: FloatArray, dt: float, *, taper: str = "hamming") -> Spectrum:
    """Return the cospectrum of two series, the means of which are taken away.

    Without a taper the densities times their spacing 1/(n dt) add up to the covariance; with one, which keeps power
    from leaking to other frequencies, they do so on average over many intervals.

    Parameters
    ----------
    x, y : ndarray, shape (n,), float64
        NaN is missing: filled along a straight line, at the ends with the nearest value. [any]
    dt : float
        Time between samples. [s]
    taper : str, optional
        One of ``TAPERS``.

    Returns
    -------
    Spectrum
        NaN throughout where a series has nothing valid, or is so short that nothing is left behind the taper.

    References
    ----------
    Stull (1988), An Introduction to Boundary Layer Meteorology, chapter 8, doi:10.1007/978-94-009-3027-8
    """
    return _cospectrum(_Tapered(x, taper), _Tapered(y, taper), dt)


class _Tapered:
    """The fluctuations of a series and the transform of them behind a window."""

    def __init__(self, series: FloatArray, taper: str) -> None:
        window = TAPERS[taper](len(series))
        self.fluctuations = _fluctuations(series)
        self.transform = rfft(self.fluctuations * window)
        self.power = float((window * window).sum())


def _cospectrum(x: _Tapered, y: _Tapered, dt: float) -> Spectrum:
    n = len(x.fluctuations)
    first, second = x.transform[1:], y.transform[1:]
    scale = 2.0 * dt / x.power if x.power else math.nan
    density = scale * (first.real * second.real + first.imag * second.imag)
    if n % 2 == 0:
        density[-1:] /= 2.0  # the highest frequency of an even number of samples has no mirror image
    frequency = np.arange(1, len(density) + 1) / (n * dt)
    return Spectrum(frequency, density, float((x.fluctuations * y.fluctuations).mean()))


def _fluctuations(series: FloatArray) -> FloatArray:
    missing = np.isnan(series)
    if missing.all():
        return np.full(len(series), math.nan)
    if missing.any():
        place = np.arange(len(series))
        series = np.interp(place, place[~missing], series[~missing])
    fluctuations: FloatArray = series - series.mean()
    return fluctuations


def bin_logarithmically(frequency: FloatArray, bins: int, **values: FloatArray) -> dict[str, FloatArray]:
    """Return means over bins whose borders rise by one factor from the lowest to the highest frequency.

    Parameters
    ----------
    frequency : ndarray, shape (m,)
        Rising. [Hz]
    bins : int
        At least 1; those without a frequency are left out.
    **values : ndarray, shape (m,)
        To take means of. [any]

    Returns
    -------
    dict of str to ndarray, shape (at most bins,)
        ``frequency`` and each of the values.
    """
    borders = np.geomspace(frequency[0], frequency[-1], bins + 1)
    which = np.searchsorted(borders[1:-1], frequency, side="right")
    counts = np.bincount(which, minlength=bins)
    filled = counts > 0
    return {
        name: np.bincount(which, weights=column, minlength=bins)[filled] / counts[filled]
        for name, column in {"frequency": frequency, **values}.items()
    }


def tabulate_spectra(half: HalfHour, *, taper: str = "hamming", bins: int | None = None) -> dict[str, FloatArray]:
    """Return the spectra, cospectra and ogives of an interval as the columns of one table.

    Parameters
    ----------
    half : HalfHour
        After its last step: rotated, aligned, detrended.
    taper : str, optional
        One of ``TAPERS``.
    bins : int, optional
        Means over so many logarithmic bins; without it every frequency.

    Returns
    -------
    dict of str to ndarray, shape (m,)
        ``frequency`` [Hz]; ``spectrum_u``, ``cospectrum_w_ts``...: frequency times density over the (co)variance, [1];
        ``ogive_w_ts``... [1]. Columns of series that cannot be used are left out; none at all if none can.
    """
    names = [name for name in (*SPECTRA_SERIES, *half.gases) if half.has(name)]
    tapered = {name: _Tapered(half.series[name], taper) for name in names}
    columns: dict[str, FloatArray] = {}
    frequency = np.empty(0)
    for name, one in tapered.items():
        spectrum = _cospectrum(one, one, half.dt)
        frequency = spectrum.frequency
        columns[f"spectrum_{name}"] = spectrum.weighted
    for name in names if half.has("w") else ():
        if name != "w":
            spectrum = _cospectrum(tapered["w"], tapered[name], half.dt)
            columns[f"cospectrum_w_{name}"] = spectrum.weighted
            columns[f"ogive_w_{name}"] = spectrum.ogive
    if not columns:
        return {}
    if bins is None:
        return {"frequency": frequency, **columns}
    return bin_logarithmically(frequency, bins, **columns)
