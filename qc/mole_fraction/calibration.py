"""From responses of tanks to a response function: orthogonal-distance regression, or ordinary least squares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odrpack import odr_fit

from core.records import FloatArray
from core.station.mole_fraction import CalibrationMethod, MoleFraction, seconds
from core.tanks import Tanks
from qc.mole_fraction.reference import Reference, interpolate, lead_tank
from qc.mole_fraction.scales import assigned_on
from qc.mole_fraction.series import Calibration, TankRun

Point = tuple[int, float, float]
"""Time [ns], response (minus reference), variance of that."""


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
    subtract = part.calibration.method == "reference"
    points: dict[str, list[Point]] = {}
    for run in runs:
        if not run.used or run.role == "target" or (subtract and run.role == "reference"):
            continue
        if not subtract:
            points.setdefault(run.tank, []).append((run.time_ns, run.value, run.variance))
        elif (base := interpolate(reference, run.time_ns)) is not None:
            points.setdefault(run.tank, []).append((run.time_ns, run.value - base[0], run.variance + base[1]))
    found = []
    for run in runs:
        serials = standards_at(part, run.time_ns)
        present = [serial for serial in serials if serial in points]
        if not present or run.tank != present[0] or all(point[0] != run.time_ns for point in points[run.tank]):
            continue
        node = _calibrate_at(run, present, points, part.calibration, tanks, scale)
        found += [] if node is None else [node]
    return found


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
    run: TankRun, serials: list[str], points: dict[str, list[Point]], how: CalibrationMethod, tanks: Tanks, scale: str
) -> Calibration | None:
    longest = seconds(how.max_age if how.method == "reference" else how.max_gap)
    rows = []
    for serial in serials:
        point = _interpolate_point(points[serial], run.time_ns, longest)
        assigned = assigned_on(tanks[serial], run.gas, scale, run.time_ns) if serial in tanks else None
        if point is not None and assigned is not None:
            rows.append((serial, point[0], point[1] ** 0.5, assigned.value, assigned.u))
    if len(rows) < how.degree + 1:
        return None
    names, x, sx, y, sy = zip(*rows, strict=True)
    return fit(run.gas, run.time_ns, names, np.array(x), np.array(sx), np.array(y), np.array(sy), how)


def fit(
    gas: str,
    time_ns: int,
    serials: Sequence[str],
    x: FloatArray,
    x_sd: FloatArray,
    y: FloatArray,
    y_sd: FloatArray,
    how: CalibrationMethod,
) -> Calibration:
    """Fit assigned values to responses.

    Parameters
    ----------
    serials : sequence of str, length k
        The tanks.
    x, x_sd : ndarray, shape (k,)
        Responses, less that of the reference, and their sd; 0 or NaN is replaced by ``how.x_sd``.
    y, y_sd : ndarray, shape (k,)
        Assigned values and their sd; 0 is replaced by ``how.y_sd``.
    how : CalibrationMethod
        ``reference``: orthogonal-distance regression; ``tanks``: ordinary least squares. Degree 1 or 2.

    Returns
    -------
    Calibration
        The covariance of its coefficients is that of linear propagation about the solution, (J' W J)^-1 with
        W = 1/(y_sd^2 + p'^2 x_sd^2), in two parts: by assigned values, and by responses. It is not scaled by the
        residuals: three or four tanks tell next to nothing about that.

    References
    ----------
    Boggs et al. (1992), ODRPACK; NOAA GML's in-situ processing
    """
    centre = 0.0 if how.method == "reference" else float(np.mean(x))
    d = x - centre
    sx = np.where(x_sd > 0, x_sd, how.x_sd)
    sy = np.where(y_sd > 0, y_sd, how.y_sd)
    beta = np.polynomial.polynomial.polyfit(d, y, how.degree)
    position = d
    if how.method == "reference":
        # coefficients of the order of 400, 1 and 1e-4 are fitted as those of x in units of its range
        unit = max(float(np.abs(d).max()), 1e-12)
        powers = unit ** np.arange(how.degree + 1)
        solution = odr_fit(_polynomial, d / unit, y, beta * powers, weight_x=(unit / sx) ** 2, weight_y=1 / sy**2)
        beta, position = solution.beta / powers, (d / unit + solution.delta) * unit
    design = position[:, None] ** np.arange(how.degree + 1)
    slope = beta[1] + (2 * beta[2] * position if how.degree == 2 else 0.0)
    weight = 1 / (sy**2 + (slope * sx) ** 2) if how.method == "reference" else np.ones(len(x))
    gain = np.linalg.solve(design.T @ (weight[:, None] * design), design.T * weight)
    by_assigned, by_response = (gain * sy**2) @ gain.T, (gain * (slope * sx) ** 2) @ gain.T
    residuals = y - (d[:, None] ** np.arange(how.degree + 1)) @ beta
    chi2 = float(np.sum(residuals**2 / (sy**2 + (slope * sx) ** 2)))
    return Calibration(
        *(gas, time_ns, centre, _three(beta), _padded(by_assigned), _padded(by_response), tuple(serials)),
        *(tuple(x.tolist()), tuple(sx.tolist()), tuple(y.tolist()), tuple(sy.tolist()), tuple(residuals.tolist())),
        *(chi2, len(x) - how.degree - 1),
    )


def _polynomial(x: FloatArray, beta: FloatArray) -> FloatArray:
    return np.asarray(np.polynomial.polynomial.polyval(x, beta), np.float64)


def _interpolate_point(points: list[Point], time_ns: int, longest: int) -> tuple[float, float] | None:
    """Return response and variance of a standard at a time: between two runs, else that of the one near enough."""
    before = max((p for p in points if time_ns - longest <= p[0] <= time_ns), default=None)
    after = min((p for p in points if time_ns < p[0] <= time_ns + longest), default=None)
    if before is None or after is None or before[0] == time_ns:
        only = before or after
        return None if only is None else only[1:]
    w = (time_ns - before[0]) / (after[0] - before[0])
    return (1 - w) * before[1] + w * after[1], (1 - w) ** 2 * before[2] + w**2 * after[2]


def _three(beta: NDArray[np.floating[Any]]) -> tuple[float, float, float]:
    c0, c1, c2 = (*beta.tolist(), 0.0)[:3]
    return c0, c1, c2


def _padded(covariance: FloatArray) -> FloatArray:
    result = np.zeros((3, 3))
    size = len(covariance)
    result[:size, :size] = covariance
    return result
