"""Uptake and respiration of every record from the parameters of the windows before and after it.

References
----------
Lasslop et al. (2010), doi:10.1111/j.1365-2486.2009.02041.x
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.records import FloatArray
from fluxcalc.season.partition.daytime_record import FAR, FITTED, PARTLY_FITTED, DayWindow
from fluxcalc.season.partition.temperature_sensitivity import temperature_rise

IntArray = NDArray[np.int64]

OPEN_STOMATA_DEFICIT = 10.0
"""Stomata do not close below this vapour pressure deficit. [hPa]"""
COLDEST_RESPIRATION = -40.0
"""Respiration is not told for lower temperatures. [deg C]"""
BLOCK_RECORDS = 17_520
"""Records that are predicted at a time: each has a covariance of its own, of all of many years a large table."""


def judge_windows(windows: Sequence[DayWindow], n: int, far: int) -> IntArray:
    """Return what the window next to each record is worth; of two as near, the earlier one counts.

    Parameters
    ----------
    windows : sequence of DayWindow
        Fitted ones, in the order of time; one at least.
    n : int
        Number of records.
    far : int
        Records beyond which a window is worth little.

    Returns
    -------
    ndarray of int, shape (n,)
        ``FITTED``, ``PARTLY_FITTED`` or ``FAR``.
    """
    places = np.array([window.place for window in windows])
    whole = np.array([np.isfinite(window.sd).all() for window in windows])
    record = np.arange(n)
    nearest = np.searchsorted((places[1:] + places[:-1]) / 2, record)
    worth = np.where(whole[nearest], FITTED, PARTLY_FITTED)
    return np.where(np.abs(places[nearest] - record) > far, FAR, worth)


def predict_fluxes(
    windows: Sequence[DayWindow], radiation: FloatArray, temperature: FloatArray, deficit: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return respiration, uptake and their uncertainties from the parameters before and after, blended by distance.

    Parameters
    ----------
    windows : sequence of DayWindow
        Fitted ones, in the order of time; one at least.
    radiation, temperature, deficit : ndarray, shape (n,), float64
        With gaps filled; a missing deficit counts as open stomata. [W m-2], [deg C], [hPa]

    Returns
    -------
    reco, gpp, reco_sd, gpp_sd : ndarray, shape (n,), float64
        NaN without radiation or temperature. [umol m-2 s-1]

    References
    ----------
    Lasslop et al. (2010), eqs 1-6, doi:10.1111/j.1365-2486.2009.02041.x
    """
    n = radiation.size
    places = np.array([window.place for window in windows])
    theta = np.array([window.theta for window in windows])
    e0 = np.array([window.e0 for window in windows])
    covariance = np.array([window.covariance for window in windows])
    blended = np.zeros((4, n))
    for first in range(0, n, BLOCK_RECORDS):
        here = slice(first, min(first + BLOCK_RECORDS, n))
        record = np.arange(here.start, here.stop)
        after = np.searchsorted(places, record, side="right")
        before, after = np.maximum(after - 1, 0), np.minimum(after, places.size - 1)
        distance = places[after] - places[before]
        share = np.clip((record - places[before]) / np.where(distance > 0, distance, 1.0), 0.0, 1.0)
        rise = temperature_rise(np.maximum(temperature[here], COLDEST_RESPIRATION))
        dryness = np.nan_to_num(np.maximum(deficit[here] - OPEN_STOMATA_DEFICIT, 0.0))
        for which, part in ((before, 1 - share), (after, share)):
            found = _respond(theta[which], e0[which], covariance[which], radiation[here], rise, dryness)
            # neighbours share half of their records: their errors count as one
            blended[:, here] += part * found
    reco, gpp, reco_sd, gpp_sd = blended
    return reco, gpp, reco_sd, gpp_sd


def _respond(
    theta: FloatArray, e0: FloatArray, covariance: FloatArray, radiation: FloatArray, rise: FloatArray,
    dryness: FloatArray,
) -> FloatArray:  # fmt: skip
    """Return respiration, uptake and their uncertainties, shape (4, n), of records with parameters of their own."""
    k, beta, alpha, r_ref = theta.T
    by_r = np.exp(e0 * rise)
    reco = r_ref * by_r
    most = beta * np.exp(-k * dryness)
    light = alpha * radiation
    both = np.where(light + most > 0, light + most, 1.0)
    gpp = np.maximum(light * most / both, 0.0)
    closed = (light / both) ** 2
    slopes = np.array([-closed * most * dryness, closed * most / np.where(beta > 0, beta, 1.0),
                       (most / both) ** 2 * radiation])  # fmt: skip
    back = np.array([by_r, reco * rise])
    gpp_variance = np.einsum("in,nij,jn->n", slopes, covariance[:, :3, :3], slopes)
    reco_variance = np.einsum("in,nij,jn->n", back, covariance[:, 3:, 3:], back)
    found: FloatArray = np.array(
        [reco, gpp, np.sqrt(np.maximum(reco_variance, 0)), np.sqrt(np.maximum(gpp_variance, 0))]
    )
    return found
