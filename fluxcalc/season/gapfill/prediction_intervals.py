"""Intervals of what models predict where nothing was measured, from their errors where something was left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.records import FloatArray

COVERAGE = 0.9
MIN_ERRORS = 200
"""Errors that a class needs for quantiles of its own."""
MAX_AMBIGUITY = 0.5
"""Largest part of a squared error that the disagreement of the models is taken for."""


def error_intervals(
    y: FloatArray, fits: FloatArray, width: FloatArray, group: NDArray[np.int64]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    r"""Return standard deviation and interval of what would have been measured, given the models' mean.

    The errors of left-out values, divided by the width expected of them, give the quantiles of a class. A left-out
    value is predicted by one model, a gap by the mean of K, and the mean is nearer to the truth. By how much is known:
    for any y, and models f_k of mean f,

    .. math:: (y - f)^2 = \frac{1}{K} \sum_k (y - f_k)^2 - \frac{1}{K} \sum_k (f_k - f)^2

    (the ambiguity decomposition). In units of the width, the first term is on average what it is at left-out values,
    as far as gaps are like what was left out; the second one needs no y. So with the mean square r of the ratios at
    left-out values, and a = (variance of the K models) / width^2 at gaps, standard deviation and quantiles of the class
    are those of left-out values times sqrt(1 - mean(a / r)). It is a factor of the class and not of the record: where
    models disagree more, each of them errs more, too, by more than the width knows. No record counts with an a / r
    above ``MOST``: such a gap is like nothing that was left out, which is what its disagreement says, and not that the
    mean is good.

    Parameters
    ----------
    y : ndarray, shape (n,), float64
        NaN is a gap. [any]
    fits : ndarray, shape (k, n), float64
        Predictions of k models; NaN where a model has seen the record. A gap has been seen by none, a measured record
        is left out by one at least. [as y]
    width : ndarray, shape (n,), float64
        How large the error is expected to be, in any one scale; positive. [as y]
    group : ndarray of int, shape (n,)
        Class of a record. One with fewer than ``CLASS_LEAST`` errors takes those of all.

    Returns
    -------
    sd, lower, upper : ndarray, shape (n,), float64
        Standard deviation of the error and 90 % interval around the mean of the models that have not seen the
        record. At a measured record without the factor: it has one model. [as y]

    References
    ----------
    Krogh & Vedelsby (1995), Neural network ensembles, cross validation, and active learning, NIPS 7, equation 6;
    Barber et al. (2021), doi:10.1214/20-AOS1965, section 3 (CV+ intervals); Lei et al. (2018),
    doi:10.1080/01621459.2017.1307116, section 5.2 (locally scaled)
    """
    known = np.isfinite(y)
    mean = np.nanmean(fits, axis=0)
    ratio = (y - mean) / width
    ambiguity = np.nanvar(fits, axis=0) / width**2
    found = np.empty((3, y.size))
    for number in np.unique(group):
        here = group == number
        errors = ratio[here & known]
        if errors.size < MIN_ERRORS:
            errors = ratio[known]
        square = (errors**2).mean()
        scales = np.array([np.sqrt(square), *np.quantile(errors, ((1 - COVERAGE) / 2, (1 + COVERAGE) / 2))])
        found[:, here] = scales[:, None]
        gaps = here & ~known
        if gaps.any():
            found[:, gaps] *= np.sqrt(1 - np.minimum(ambiguity[gaps] / square, MAX_AMBIGUITY).mean())
    sd, low, high = found * width
    return sd, mean + low, mean + high
