"""Fits of day-time partitioning: respiration of the night, and the response of the day's exchange to light."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxcalc.kernels.compile import kernel

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

MIN_FACTOR, OFFSET, TOLERANCE = 1 / 1024, 1e-5, 1e-10
"""Gauss-Newton: the least part of a step, and where it ends, relative to the residuals, or to the flux."""
RELATIVE, DECREASE, SHRINK, MOST = 1e-3, 1e-4, 0.2, 100
"""Variable metric: relative change of the cost that ends it, the decrease that a step must bring, by what a step
shrinks, and most iterations."""
DIFFERENCE_STEP = 1e-3
"""Half the difference of a parameter over which a derivative is taken."""
STEEPEST, HIGHEST = 0.22, 250.0
"""Bounds of alpha [umol J-1] and beta [umol m-2 s-1]."""


@kernel
def fit_night(rise: FloatArray, flux: FloatArray, r_ref: float, e0: float, most: int) -> tuple[float, float, float]:
    """Fit respiration and its sensitivity by Gauss-Newton with halved steps.

    Parameters
    ----------
    rise : ndarray, shape (n,), float64
        1/(Tref - T0) - 1/(T - T0). [K-1]
    flux : ndarray, shape (n,), float64
        Night exchange. [umol m-2 s-1]
    r_ref, e0 : float
        Start. [umol m-2 s-1], [K]
    most : int
        Most steps.

    Returns
    -------
    r_ref, e0, error : float
        With the standard error of ``e0``; all NaN if the fit does not end. [umol m-2 s-1], [K], [K]

    References
    ----------
    Bates & Watts (1981), doi:10.1080/00401706.1981.10486278: the relative offset
    """
    failed = (np.nan, np.nan, np.nan)
    factor = 1.0
    growth = np.exp(e0 * rise)
    residual = flux - r_ref * growth
    deviance = (residual * residual).sum()
    exact = TOLERANCE**2 * (flux * flux).sum()
    for _ in range(most):
        # the tangent plane by Gram-Schmidt: derivatives by r_ref and by e0
        slope = r_ref * growth * rise
        length = np.sqrt((growth * growth).sum())
        first = growth / length
        shared = (first * slope).sum()
        second = slope - shared * first
        rest = np.sqrt((second * second).sum())
        if not rest > 1e-10 * np.sqrt((slope * slope).sum()):
            return failed
        second /= rest
        along_first, along_second = (first * residual).sum(), (second * residual).sum()
        explained = along_first**2 + along_second**2
        if explained <= max(OFFSET**2 * (deviance - explained), exact):
            return r_ref, e0, np.sqrt(deviance / (flux.size - 2)) / rest
        step_e0 = along_second / rest
        step_r = (along_first - shared * step_e0) / length
        while True:
            if factor < MIN_FACTOR:
                return failed
            tried_r, tried_e0 = r_ref + factor * step_r, e0 + factor * step_e0
            growth = np.exp(tried_e0 * rise)
            residual = flux - tried_r * growth
            tried = (residual * residual).sum()
            if tried <= deviance:
                break
            factor /= 2
        r_ref, e0, deviance = tried_r, tried_e0, tried
        factor = min(2 * factor, 1.0)
    return failed


@kernel
def light_cost(
    theta: FloatArray, prior: FloatArray, width: FloatArray,
    radiation: FloatArray, dryness: FloatArray, growth: FloatArray, uptake: FloatArray, weight: FloatArray,
) -> float:  # fmt: skip
    """Return the cost of a response to light: squares of weighted errors and of distances from the prior.

    Net uptake is A alpha Rg / (alpha Rg + A) - Rref growth, A = beta exp(-k dryness).

    Parameters
    ----------
    theta, prior, width : ndarray, shape (4,), float64
        k [hPa-1], beta [umol m-2 s-1], alpha [umol J-1], Rref [umol m-2 s-1]: their values, prior and its width.
    radiation : ndarray, shape (n,), float64
        [W m-2]
    dryness : ndarray, shape (n,), float64
        Vapour pressure deficit above 10 hPa, 0 below. [hPa]
    growth : ndarray, shape (n,), float64
        Respiration relative to that at 15 degC. [1]
    uptake, weight : ndarray, shape (n,), float64
        Minus net exchange, and 1/sd^2. [umol m-2 s-1], [m4 s2 umol-2]

    References
    ----------
    Lasslop et al. (2010), eqs 2-6, doi:10.1111/j.1365-2486.2009.02041.x
    """
    k, beta, alpha, r_ref = theta
    cost = 0.0
    for i in range(uptake.size):
        most = beta if dryness[i] == 0.0 else beta * np.exp(-k * dryness[i])
        light = alpha * radiation[i]
        both = light + most
        error = (light * most / both if both != 0.0 else np.nan) - r_ref * growth[i] - uptake[i]
        cost += error * error * weight[i]
    for j in range(4):
        cost += ((theta[j] - prior[j]) / width[j]) ** 2
    return cost


@kernel
def light_gradient(
    theta: FloatArray, places: IntArray, prior: FloatArray, width: FloatArray,
    radiation: FloatArray, dryness: FloatArray, growth: FloatArray, uptake: FloatArray, weight: FloatArray,
) -> FloatArray:  # fmt: skip
    """Return central differences of ``light_cost`` by the parameters at ``places``."""
    gradient = np.empty(places.size)
    tried = theta.copy()
    for i in range(places.size):
        j = places[i]
        tried[j] = theta[j] + DIFFERENCE_STEP
        above = light_cost(tried, prior, width, radiation, dryness, growth, uptake, weight)
        tried[j] = theta[j] - DIFFERENCE_STEP
        below = light_cost(tried, prior, width, radiation, dryness, growth, uptake, weight)
        tried[j] = theta[j]
        gradient[i] = (above - below) / (2 * DIFFERENCE_STEP)
    return gradient


@kernel
def minimise(
    start: FloatArray, free: BoolArray, prior: FloatArray, width: FloatArray,
    radiation: FloatArray, dryness: FloatArray, growth: FloatArray, uptake: FloatArray, weight: FloatArray,
) -> tuple[FloatArray, float, bool]:  # fmt: skip
    """Minimise ``light_cost`` over the free parameters by a variable metric with backtracking.

    It ends early, at a relative change of the cost of 1e-3, and takes derivatives as differences, as the program does
    that results are compared with: the optimum is flat, and two searches must stop at the same place to give the same
    parameters.

    Returns
    -------
    theta : ndarray, shape (4,)
    cost : float
    converged : bool

    References
    ----------
    Nash (1990), Compact Numerical Methods for Computers, algorithm 21, ISBN 978-0-85274-319-5
    """
    places = np.flatnonzero(free)
    theta = start.copy()
    cost = light_cost(theta, prior, width, radiation, dryness, growth, uptake, weight)
    if not np.isfinite(cost):
        return theta, cost, False
    gradient = light_gradient(theta, places, prior, width, radiation, dryness, growth, uptake, weight)
    metric = np.eye(places.size)
    steps = restarted = 1
    while steps < MOST:
        before = theta[places]
        direction = -(metric @ gradient)
        descent = (direction * gradient).sum()
        length, there, moved = 1.0, cost, bool(descent < 0)
        while moved:
            theta[places] = before + length * direction
            moved = bool((theta[places] + 10.0 != before + 10.0).any())
            there = light_cost(theta, prior, width, radiation, dryness, growth, uptake, weight)
            if there <= cost + descent * length * DECREASE:
                break
            length *= SHRINK
        if moved and abs(there - cost) <= RELATIVE * (abs(cost) + RELATIVE):
            cost, moved = there, False
        if not moved:
            if restarted == steps:  # not even along the gradient
                return theta, cost, True
            metric, restarted = np.eye(places.size), steps
            continue
        cost = there
        old = gradient
        gradient = light_gradient(theta, places, prior, width, radiation, dryness, growth, uptake, weight)
        steps += 1
        step, change = length * direction, gradient - old
        curved = (step * change).sum()
        if curved > 0 and steps - restarted <= 2 * places.size:
            image = metric @ change
            scale = 1 + (image * change).sum() / curved
            metric += (scale * np.outer(step, step) - np.outer(step, image) - np.outer(image, step)) / curved
        else:
            metric, restarted = np.eye(places.size), steps
    return theta, cost, False


@kernel
def fit_light(
    start: FloatArray, bends: bool, last_alpha: float, width: FloatArray, starts: FloatArray,
    radiation: FloatArray, dryness: FloatArray, growth: FloatArray, uptake: FloatArray, weight: FloatArray,
) -> tuple[FloatArray, BoolArray, float]:  # fmt: skip
    """Fit the response to light from several starts; the fit within bounds that costs least is taken.

    Where k comes out negative it is 0 in a second fit; where alpha comes out too large it is that of the last good
    window.

    Parameters
    ----------
    start : ndarray, shape (4,), float64
        Prior of k, beta, alpha, Rref, and where fits start.
    bends : bool
        Whether k can be fitted.
    last_alpha : float
        Of the last good window. [umol J-1]
    width : ndarray, shape (4,), float64
        Of the prior.
    starts : ndarray, float64
        What beta of each start is multiplied with.
    radiation, dryness, growth, uptake, weight : ndarray, shape (n,), float64
        As in ``light_cost``.

    Returns
    -------
    theta : ndarray, shape (4,)
        NaN if no fit is within bounds.
    free : ndarray of bool, shape (4,)
        What was fitted.
    cost : float
    """
    best, best_free, least = np.full(4, np.nan), np.zeros(4, np.bool_), np.inf
    for factor in starts:
        begin, free = start.copy(), np.ones(4, np.bool_)
        begin[1] *= factor
        free[0] = bends
        theta, cost, ended = minimise(begin, free, start, width, radiation, dryness, growth, uptake, weight)
        if theta[0] < 0:
            begin[0], free[0] = 0.0, False
            theta, cost, ended = minimise(begin, free, start, width, radiation, dryness, growth, uptake, weight)
        if theta[2] > STEEPEST:
            begin[0], free[0] = start[0], bends
            begin[2], free[2] = last_alpha, False
            theta, cost, ended = minimise(begin, free, start, width, radiation, dryness, growth, uptake, weight)
            if theta[0] < 0:
                begin[0], free[0] = 0.0, False
                theta, cost, ended = minimise(begin, free, start, width, radiation, dryness, growth, uptake, weight)
        if ended and theta.min() >= 0 and theta[1] < HIGHEST and cost < least:
            best, best_free, least = theta, free, cost
    return best, best_free, least


@kernel
def light_curvature(
    theta: FloatArray, free: BoolArray, prior: FloatArray, width: FloatArray,
    radiation: FloatArray, dryness: FloatArray, growth: FloatArray, uptake: FloatArray, weight: FloatArray,
) -> FloatArray:  # fmt: skip
    """Return the second derivatives of ``light_cost`` by the free parameters, as differences."""
    places = np.flatnonzero(free)
    curvature = np.empty((places.size, places.size))
    tried = theta.copy()
    for i in range(places.size):
        j = places[i]
        tried[j] = theta[j] + DIFFERENCE_STEP
        above = light_gradient(tried, places, prior, width, radiation, dryness, growth, uptake, weight)
        tried[j] = theta[j] - DIFFERENCE_STEP
        below = light_gradient(tried, places, prior, width, radiation, dryness, growth, uptake, weight)
        tried[j] = theta[j]
        curvature[i] = (above - below) / (2 * DIFFERENCE_STEP)
    return (curvature + curvature.T) / 2


@kernel
def resample_light(
    theta: FloatArray, free: BoolArray, prior: FloatArray, width: FloatArray, picks: IntArray, e0: FloatArray,
    radiation: FloatArray, dryness: FloatArray, rise: FloatArray, uptake: FloatArray, weight: FloatArray,
) -> FloatArray:  # fmt: skip
    """Fit the response to light to records drawn with replacement, with other sensitivities of respiration.

    Parameters
    ----------
    theta : ndarray, shape (4,), float64
        Where fits start.
    picks : ndarray of int, shape (samples, n)
        Which records each sample has.
    e0 : ndarray, shape (samples,), float64
        Sensitivity of each. [K]
    rise : ndarray, shape (n,), float64
        1/(Tref - T0) - 1/(T - T0). [K-1]

    Returns
    -------
    ndarray, shape (samples, 4)
        NaN where a fit did not end.
    """
    samples = np.full((e0.size, 4), np.nan)
    for i in range(e0.size):
        some = picks[i]
        growth = np.exp(e0[i] * rise[some])
        found, _, ended = minimise(
            theta, free, prior, width, radiation[some], dryness[some], growth, uptake[some], weight[some]
        )
        if ended:
            samples[i] = found
    return samples
