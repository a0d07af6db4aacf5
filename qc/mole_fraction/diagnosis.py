"""Naming what is wrong: a tank that is another one, a value on another scale, coefficients of water that cannot be.

Everything is judged calibration by calibration, or in windows of six hours of the clock, so that it is named within a
day and is the same live and over a period.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc

from core.clock import NS
from core.records import FloatArray
from core.station.mole_fraction import GAS_UNITS, MeasuredGas, MoleFraction, seconds
from core.tanks import Tanks
from qc.mole_fraction.means import Calibrated
from qc.mole_fraction.reference import Reference, base_covariance, interpolate, lead_tank
from qc.mole_fraction.scales import CONVERSIONS, assigned_on
from qc.mole_fraction.series import LEFT_OUT, Alarm, Calibration, TankRun, TargetRun
from qc.mole_fraction.water import CHEN_2010, corrections_of, dry, fallback

WINDOW_NS = 6 * 3600 * NS
UNLIKELY = 1e-4
"""Tanks contradict each other if their chi2 is less probable than this."""
SCALE_EVIDENCE = 9.0
"""A scale is suspected if chi2 is less by more than this with the values on the other one: three sigma."""
ALIKE = 4.0
"""Suspicions of which chi2 differs by less are both named."""
PLAUSIBLE = 1e-3
"""A suspicion explains it if what remains is more probable than this."""
MIN_WET, MAX_DRY = 0.3, 0.1
"""Air with more water than this tells about its correction; a tank has less. [%]"""
MIN_SAMPLES = 60
LEAP_SDS = 6.0


class Point(NamedTuple):
    """A tank as it was measured: response less that of the reference, and what it is said to hold."""

    serial: str
    role: str
    x: float
    x_sd: float
    y: float
    y_sd: float


def diagnose(
    gas: MeasuredGas,
    part: MoleFraction,
    tanks: Tanks,
    runs: Sequence[TankRun],
    calibrations: Sequence[Calibration],
    targets: Sequence[TargetRun],
    reference: Reference,
    own_dry: FloatArray | None,
    samples: Calibrated,
) -> list[Alarm]:
    """Return alarms of kind ``tank``, ``scale``, ``reference`` and ``water`` of one gas, oldest first within each."""
    found: list[Alarm] = []
    runs = [run for run in runs if run.role == "target"]
    for i, calibration in enumerate(calibrations):
        points = _points_at(calibration, gas, part, tanks, runs, reference)
        found += _contradiction(points, gas, part.calibration.degree, calibration.time_ns)
        if i and calibrations[i - 1].reference == calibration.reference:
            found += _leaps(calibrations[i - 1], calibration, gas)
    return found + _reference(gas, reference) + _water(gas, part, own_dry, samples)


def _reference(gas: MeasuredGas, reference: Reference) -> list[Alarm]:
    """Name a run of the reference that is off its neighbours by far more than the baseline drifts."""
    off, limit = np.zeros(len(reference.time)), np.full(len(reference.time), np.inf)
    for i in range(2, len(reference.time) - 1):
        # learnt from residuals in which this run has no part
        q = float(reference.diffusion[i - 2])
        if not (reference.bracketed[i - 1] and reference.bracketed[i] and np.isfinite(q)):
            continue
        before, after = (float(reference.time[k + 1] - reference.time[k]) for k in (i - 1, i))
        w = before / (before + after)
        off[i] = reference.value[i] - (1 - w) * reference.value[i - 1] - w * reference.value[i + 1]
        noise = reference.variance[i] + (1 - w) ** 2 * reference.variance[i - 1] + w**2 * reference.variance[i + 1]
        limit[i] = max(LEAP_SDS * (q * before * after / (before + after) + float(noise)) ** 0.5, 2 * gas.accepted_bias)
    found = []
    for i in np.flatnonzero(np.abs(off) > limit).tolist():
        # its neighbours look off by half as much
        if abs(off[i]) < np.abs(off[i - 1 : i + 2]).max():
            continue
        tank, time = reference.tanks[i], int(reference.time[i])
        text = (
            f"reference: a run of {tank} is off those around it by {off[i]:+.2f} {gas.name}: check flow and regulator"
        )
        found.append(Alarm("reference", "warning", gas.name, tank, time, float(off[i]), float(limit[i]), text))
    return found


def _points_at(
    calibration: Calibration,
    gas: MeasuredGas,
    part: MoleFraction,
    tanks: Tanks,
    runs: Sequence[TankRun],
    reference: Reference,
) -> list[Point]:
    """Return the standards of a calibration, and beside them reference and targets as they were measured by then."""
    columns = (calibration.responses, calibration.response_sds, calibration.assigned, calibration.assigned_sds)
    points = [Point(serial, "standard", *row) for serial, *row in zip(calibration.tanks, *columns, strict=True)]
    if part.calibration.method != "reference":
        return points
    lead = calibration.reference
    known = assigned_on(tanks[lead], gas.name, gas.published_scale, calibration.time_ns) if lead else None
    if lead and known is not None and known.u > 0:
        points.append(Point(lead, "reference", 0.0, 0.0, known.value, known.u))
    newest: dict[str, Point] = {}
    low = bisect_left(runs, calibration.time_ns - seconds(part.calibration.max_age), key=_time)
    for run in runs[low : bisect_right(runs, calibration.time_ns, key=_time)]:
        if not run.used:
            continue
        base = interpolate(reference, run.time_ns) if lead_tank(part, run.time_ns) == calibration.reference else None
        known = assigned_on(tanks[run.tank], gas.name, gas.published_scale, run.time_ns)
        if base is not None and known is not None:
            x_sd = (run.variance + base_covariance(reference, run.time_ns, run.time_ns)) ** 0.5
            y_sd = known.u or part.calibration.y_sd
            newest[run.tank] = Point(run.tank, "target", run.value - base, x_sd, known.value, y_sd)
    return points + list(newest.values())


def _time(run: TankRun) -> int:
    return run.time_ns


def _contradiction(points: Sequence[Point], gas: MeasuredGas, degree: int, time_ns: int) -> list[Alarm]:
    """Name the tank without which the others agree, or the scale on which they would."""
    freedom = len(points) - degree - 1
    if freedom < 1:
        return []
    chi2, _, _ = _fit(points, degree)
    on_other_scale = _scale_alarm(points, gas, degree, time_ns, chi2)
    if on_other_scale:
        return on_other_scale
    if chdtrc(freedom, chi2) > UNLIKELY:
        return []
    if freedom < 2:
        names = ", ".join(point.serial for point in points)
        text = f"tank: {names} contradict each other; there are too few to say which is wrong"
        return [Alarm("tank", "critical", gas.name, names, time_ns, chi2, float(freedom), text)]
    suspects = []
    for i, point in enumerate(points):
        without, beta, _ = _fit([other for other in points if other is not point], degree)
        suspects.append((without, i, point.y - float(point.x ** np.arange(degree + 1) @ beta)))
    without, i, error = min(suspects)
    point = points[i]
    if chdtrc(freedom - 1, without) < PLAUSIBLE or abs(error) < gas.accepted_bias:
        return []
    text = (
        f"tank: {point.serial} ({point.role}) is said to hold {point.y:.2f} {gas.name}, but {point.y - error:.2f} is "
        "measured: look whether another tank is at its port, and at its assignment"
    )
    return [Alarm("tank", "critical", gas.name, point.serial, time_ns, -error, gas.accepted_bias, text)]


def _scale_alarm(points: Sequence[Point], gas: MeasuredGas, degree: int, time_ns: int, chi2: float) -> list[Alarm]:
    """Name whose values agree with all others if taken for values on another scale: one tank, or all standards."""
    freedom = len(points) - degree - 1
    standards = [point for point in points if point.role == "standard"]
    suspects = [[point] for point in points] if freedom > 1 else []
    suspects += [standards] if len(points) > len(standards) else []
    found: list[tuple[float, str, str]] = []
    for suspect in suspects:
        for old, new, shifted in _on_other_scale(suspect, gas):
            left = _fit([shifted.get(point.serial, point) for point in points], degree)[0]
            if chi2 - left > SCALE_EVIDENCE and chdtrc(freedom, left) > PLAUSIBLE:
                step = suspect[0].y - shifted[suspect[0].serial].y
                said = f"off by {step:+.2f} against the other tanks, as values on {old} taken for {new} are"
                found.append((left, ", ".join(point.serial for point in suspect), said))
    if not found:
        return []
    left, _, said = min(found)
    names = " or ".join(name for other, name, _ in sorted(found) if other - left < ALIKE)
    text = f"scale: {names} {said}"
    return [Alarm("scale", "critical", gas.name, names, time_ns, chi2 - left, SCALE_EVIDENCE, text)]


def _on_other_scale(points: Sequence[Point], gas: MeasuredGas) -> list[tuple[str, str, dict[str, Point]]]:
    """Return for each pair of scales what points would be if they were said on the wrong one."""
    found = []
    for one in CONVERSIONS:
        if one.gas != gas.name or gas.published_scale not in (one.old, one.new):
            continue
        sign = 1 if gas.published_scale == one.new else -1
        shifted = {p.serial: p._replace(y=p.y + sign * (one.slope * p.y + one.offset - p.y)) for p in points}
        names = (one.old, one.new) if sign > 0 else (one.new, one.old)
        found.append((*names, shifted))
    return found


def _fit(points: Sequence[Point], degree: int) -> tuple[float, FloatArray, FloatArray]:
    """Return chi2, coefficients and covariance of weighted least squares with the errors of both axes."""
    x, x_sd, y, y_sd = (np.array([getattr(p, name) for p in points]) for name in ("x", "x_sd", "y", "y_sd"))
    design = x[:, None] ** np.arange(degree + 1)
    # the slope is 1 within some percent: good enough to weigh the responses' errors by
    weight = 1 / (y_sd**2 + x_sd**2)
    normal = design.T @ (weight[:, None] * design)
    beta = np.linalg.solve(normal, design.T @ (weight * y))
    return float(np.sum(weight * (y - design @ beta) ** 2)), beta, np.linalg.inv(normal)


def _leaps(before: Calibration, now: Calibration, gas: MeasuredGas) -> list[Alarm]:
    """Name a tank whose response leapt from one calibration to the next: another gas is at its port."""
    shared = [name for name in now.tanks if name in before.tanks]
    steps, limits = {}, {}
    for name in shared:
        i, j = before.tanks.index(name), now.tanks.index(name)
        steps[name] = now.responses[j] - before.responses[i]
        sd = (now.response_sds[j] ** 2 + before.response_sds[i] ** 2) ** 0.5
        limits[name] = max(LEAP_SDS * sd, 2 * gas.accepted_bias)
    beyond = [name for name in shared if abs(steps[name]) > limits[name]]
    if not beyond:
        return []
    middle = float(np.median([steps[name] for name in shared]))
    alike = all(abs(steps[name] - middle) <= limits[name] for name in shared)
    if len(shared) > 1 and alike:
        against = f"{middle:+.2f} {gas.name} against {now.reference}"
        text = f"tank: all tanks leapt by {against}: another gas is at its port, or it leaks"
        return [Alarm("tank", "critical", gas.name, now.reference, now.time_ns, -middle, limits[shared[0]], text)]
    return [
        Alarm(
            *("tank", "critical", gas.name, name, now.time_ns, steps[name], limits[name]),
            f"tank: {name} leapt by {steps[name]:+.2f} {gas.name}: another gas is at its port, or it leaks",
        )
        for name in beyond
    ]


def _water(gas: MeasuredGas, part: MoleFraction, own_dry: FloatArray | None, samples: Calibrated) -> list[Alarm]:
    """Compare the dry values with the analyser's own, or with those by Chen (2010), in windows of six hours."""
    corrections = [one for one in part.water_correction if one.gas == gas.name]
    if not corrections or (own_dry is None and gas.name not in CHEN_2010):
        return []
    found = []
    usable = (samples.state != LEFT_OUT) & np.isfinite(samples.water)
    other = own_dry if own_dry is not None else _by_chen(gas.name, part, samples)
    source = "the analyser's own dry value" if own_dry is not None else "Chen et al. (2010)"
    limit = gas.accepted_bias * (1 if own_dry is not None else 2)
    difference = samples.response - other
    window = samples.time // WINDOW_NS
    for number in np.unique(window):
        low, high = np.searchsorted(samples.time, (number * WINDOW_NS, (number + 1) * WINDOW_NS))
        part_of = usable[low:high] & np.isfinite(difference[low:high])
        water = samples.water[low:high]
        wet, dry_gas = part_of & (water > MIN_WET), part_of & (water < MAX_DRY)
        if wet.sum() < MIN_SAMPLES:
            continue
        offset = float(np.median(difference[low:high][dry_gas])) if dry_gas.sum() >= MIN_SAMPLES else 0.0
        effect = float(np.median(difference[low:high][wet])) - offset
        if abs(effect) > limit:
            vapour = float(np.median(water[wet]))
            text = (
                f"water: by the station file's coefficients {gas.name} is {effect:+.2f} {GAS_UNITS[gas.name]} beside "
                f"{source} at {vapour:.2f} % of water: check [[mole_fraction.water_correction]]"
            )
            found.append(
                Alarm("water", "critical", gas.name, gas.channel, int(number) * WINDOW_NS, effect, limit, text)
            )
    return found


def _by_chen(gas: str, part: MoleFraction, samples: Calibrated) -> FloatArray:
    """Return what the dry response would be by Chen (2010) instead of the station file's coefficients."""
    wet = np.full(len(samples.time), np.nan)
    water = np.maximum(samples.water, 0.0)
    pieces = corrections_of(part, gas)
    for i, (start, one) in enumerate(pieces):
        end = pieces[i + 1][0] if i + 1 < len(pieces) else 2**62
        low, high = np.searchsorted(samples.time, (start, end))
        c0, c1, c2 = (fallback(gas) if one is None else one.coefficients)[:3]
        wet[low:high] = samples.response[low:high] * (c0 + water[low:high] * (c1 + water[low:high] * c2))
    return dry(gas, wet, water, CHEN_2010[gas])
