"""From responses of tanks to a response function: orthogonal-distance regression, or ordinary least squares."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from odrpack import odr_fit

from core.records import FloatArray
from core.station.mole_fraction import CalibrationMethod, MoleFraction, seconds
from core.tanks import Tanks
from qc.mole_fraction.reference import Reference, base_covariance, interpolate, lead_tank
from qc.mole_fraction.scales import assigned_on
from qc.mole_fraction.series import Calibration, TankRun


class Point(NamedTuple):
    """A run of a standard: time [ns], response less that of the reference (which tank), variance by the own noise."""

    time_ns: int
    value: float
    variance: float
    reference: str


class Share(NamedTuple):
    """What part a run has in a response that is interpolated in time."""

    weight: float
    point: Point


def find_calibrations(
    runs: Sequence[TankRun], reference: Reference, part: MoleFraction, tanks: Tanks, scale: str
) -> list[Calibration]:
    """Return a response function at each run of the first standard; those of the others are interpolated to its time.

    Parameters
    ----------
    runs : sequence of TankRun
        Of one gas, oldest first.
    reference : Reference
        What is subtracted (method ``reference``).
    part : MoleFraction
        Gives standards, degree and method.
    tanks : Tanks
        Gives assigned values.
    scale : str
        On which scale.
    """
    points = _points_of(runs, reference, part)
    of_lead: dict[tuple[str, str], list[Point]] = {}
    for serial, own in points.items():
        for point in own:
            of_lead.setdefault((serial, point.reference), []).append(point)
    referred = {point.time_ns: point.reference for own in points.values() for point in own}
    found = []
    for run in runs:
        serials = standards_at(part, run.time_ns)
        present = [serial for serial in serials if serial in points]
        if not present or run.tank != present[0] or run.time_ns not in referred:
            continue
        lead = referred[run.time_ns]
        # what was referred to another tank cannot be mixed in
        alike = {serial: of_lead[serial, lead] for serial in present if (serial, lead) in of_lead}
        node = _calibrate_at(run, lead, alike, reference, part.calibration, tanks, scale)
        found += [] if node is None else [node]
    return found


def _points_of(runs: Sequence[TankRun], reference: Reference, part: MoleFraction) -> dict[str, list[Point]]:
    """Return the usable runs of each standard; a run without a reference around it is none."""
    subtract = part.calibration.method == "reference"
    points: dict[str, list[Point]] = {}
    for run in runs:
        if not run.used or run.role == "target" or (subtract and run.role == "reference"):
            continue
        if not subtract:
            points.setdefault(run.tank, []).append(Point(run.time_ns, run.value, run.variance, ""))
        elif (base := interpolate(reference, run.time_ns)) is not None:
            points.setdefault(run.tank, []).append(
                Point(run.time_ns, run.value - base, run.variance, lead_tank(part, run.time_ns) or "")
            )
    return points


def standards_at(part: MoleFraction, time_ns: int) -> list[str]:
    """Return the serials of the standards that are connected at a time, in the order of the file."""
    roles = ("standard",) if part.calibration.method == "reference" else ("reference", "standard")
    found = [
        port.tank
        for port in part.port
        if port.role in roles and port.tank is not None and part.port_at(port.number, time_ns) is port
    ]
    lead = lead_tank(part, time_ns)
    return sorted(dict.fromkeys(found), key=lambda serial: serial != lead)


def _calibrate_at(
    run: TankRun,
    lead: str,
    points: dict[str, list[Point]],
    reference: Reference,
    how: CalibrationMethod,
    tanks: Tanks,
    scale: str,
) -> Calibration | None:
    longest = seconds(how.max_age if how.method == "reference" else how.max_gap)
    rows = []
    for serial, own in points.items():
        shares = _shares(own, run.time_ns, longest)
        assigned = assigned_on(tanks[serial], run.gas, scale, run.time_ns) if serial in tanks else None
        if shares and assigned is not None:
            rows.append((serial, shares, assigned.value, assigned.u))
    if len(rows) < how.degree + 1:
        return None
    names, shares_of, y, sy = zip(*rows, strict=True)
    x = np.array([sum(share.weight * share.point.value for share in shares) for shares in shares_of])
    covariance = _covariance(shares_of, reference if how.method == "reference" else None)
    return fit(run.gas, run.time_ns, lead, names, x, covariance, np.array(y), np.array(sy), how)


def _covariance(shares_of: Sequence[Sequence[Share]], reference: Reference | None) -> FloatArray:
    """Return the covariance of responses: own noise, and the error of the reference that is subtracted from all."""
    size = len(shares_of)
    result = np.zeros((size, size))
    for i, one in enumerate(shares_of):
        result[i, i] += sum(share.weight**2 * share.point.variance for share in one)
        for j, other in enumerate(shares_of):
            for a in one if reference is not None else ():
                for b in other:
                    both = (
                        base_covariance(reference, a.point.time_ns, b.point.time_ns) if reference is not None else 0.0
                    )
                    result[i, j] += a.weight * b.weight * both
    return result


def fit(
    gas: str,
    time_ns: int,
    reference: str,
    serials: Sequence[str],
    x: FloatArray,
    x_covariance: FloatArray,
    y: FloatArray,
    y_sd: FloatArray,
    how: CalibrationMethod,
) -> Calibration:
    """Fit assigned values to responses.

    Parameters
    ----------
    reference : str
        Tank whose response was subtracted.
    serials : sequence of str, length k
        The tanks.
    x, x_covariance : ndarray, shape (k,) and (k, k)
        Responses, less that of the reference, and their covariance; a variance of 0 becomes ``how.x_sd`` squared.
    y, y_sd : ndarray, shape (k,)
        Assigned values and their sd; 0 is replaced by ``how.y_sd``.
    how : CalibrationMethod
        ``reference``: orthogonal-distance regression; ``tanks``: ordinary least squares. Degree 1 or 2.

    Returns
    -------
    Calibration
        The covariance of its coefficients is that of linear propagation about the solution, (J' W J)^-1 J' W with
        W = 1/(y_sd^2 + p'^2 x_sd^2), in two parts: by assigned values, and by responses with what they have in common.
        It is not scaled by the residuals: three or four tanks tell next to nothing about that.

    References
    ----------
    Boggs et al. (1992), ODRPACK; NOAA GML's in-situ processing
    """
    centre = 0.0 if how.method == "reference" else float(np.mean(x))
    d = x - centre
    lacking = np.diag(x_covariance) <= 0
    x_covariance = x_covariance + np.diag(np.where(lacking, how.x_sd**2, 0.0))
    sx = np.sqrt(np.diag(x_covariance))
    sy = np.where(y_sd > 0, y_sd, how.y_sd)
    beta = np.polynomial.polynomial.polyfit(d, y, how.degree)
    position = d
    if how.method == "reference":
        # coefficients of the order of 400, 1 and 1e-4 are fitted as those of x in units of its range
        unit = max(float(np.abs(d).max()), 1e-12)
        powers = unit ** np.arange(how.degree + 1)
        solution = odr_fit(
            *(_polynomial, d / unit, y, beta * powers),
            weight_x=(unit / sx) ** 2,
            weight_y=1 / sy**2,
            jac_beta=_by_coefficients,
            jac_x=_by_response,
            sstol=1e-14,
        )
        beta, position = solution.beta / powers, (d / unit + solution.delta) * unit
    design = position[:, None] ** np.arange(how.degree + 1)
    slope = beta[1] + (2 * beta[2] * position if how.degree == 2 else 0.0)
    weight = 1 / (sy**2 + (slope * sx) ** 2) if how.method == "reference" else np.ones(len(x))
    gain = np.linalg.solve(design.T @ (weight[:, None] * design), design.T * weight)
    tilted = gain * slope
    by_assigned, by_response = (gain * sy**2) @ gain.T, tilted @ x_covariance @ tilted.T
    residuals = y - (d[:, None] ** np.arange(how.degree + 1)) @ beta
    chi2 = float(np.sum(residuals**2 / (sy**2 + (slope * sx) ** 2)))
    return Calibration(
        *(gas, time_ns, reference, centre, _three(beta), _padded(by_assigned), _padded(by_response), tuple(serials)),
        *(tuple(x.tolist()), tuple(sx.tolist()), tuple(y.tolist()), tuple(sy.tolist()), tuple(residuals.tolist())),
        *(chi2, len(x) - how.degree - 1),
    )


def _polynomial(x: FloatArray, beta: FloatArray) -> FloatArray:
    return np.asarray(np.polynomial.polynomial.polyval(x, beta), np.float64)


def _by_coefficients(x: FloatArray, beta: FloatArray) -> FloatArray:
    return x ** np.arange(len(beta))[:, None]


def _by_response(x: FloatArray, beta: FloatArray) -> FloatArray:
    powers = np.arange(1, len(beta))
    result: FloatArray = (powers[:, None] * beta[1:, None] * x ** (powers - 1)[:, None]).sum(axis=0)
    return result


def _shares(points: list[Point], time_ns: int, longest: int) -> list[Share]:
    """Return what runs a standard's response at a time is made of: two around it, else the one that is near enough."""
    at = bisect_right(points, time_ns, key=lambda point: point.time_ns)
    before = points[at - 1] if at and time_ns - points[at - 1].time_ns <= longest else None
    after = points[at] if at < len(points) and points[at].time_ns - time_ns <= longest else None
    if before is None or after is None or before.time_ns == time_ns:
        only = before or after
        return [] if only is None else [Share(1.0, only)]
    w = (time_ns - before.time_ns) / (after.time_ns - before.time_ns)
    return [Share(1 - w, before), Share(w, after)]


def _three(beta: NDArray[np.floating[Any]]) -> tuple[float, float, float]:
    c0, c1, c2 = (*beta.tolist(), 0.0)[:3]
    return c0, c1, c2


def _padded(covariance: FloatArray) -> FloatArray:
    result = np.zeros((3, 3))
    size = len(covariance)
    result[:size, :size] = covariance
    return result
