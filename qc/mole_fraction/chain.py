"""The chain: raw samples of an analyser -> flags -> water -> calibration -> minutes -> hours, targets and alarms.

A result at a time depends on samples of a bounded stretch around it, and on the files. So live work, a stretch computed
again after late data, and a whole period give the same bits: ``look_back_ns``, ``look_ahead_ns`` and ``changed_span``
say which samples a result needs, and which results a sample can change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.clock import NS
from core.records import FloatArray
from core.station import Station
from core.station.mole_fraction import GAS_UNITS, MeasuredGas, MoleFraction, seconds
from core.tanks import Tanks, check_tanks
from core.variables import base_name, convert
from core.variables import variable as core_variable
from qc.mole_fraction import kernels
from qc.mole_fraction.calibration import find_calibrations
from qc.mole_fraction.diagnosis import diagnose
from qc.mole_fraction.means import (
    FLAGS,
    Calibrated,
    Uncertain,
    average_samples,
    hours_of,
    minutes_of,
    uncertainty,
    with_spikes,
)
from qc.mole_fraction.performance import DAY_NS, MIN_CMR_SHARE, alarms_of, continuous_repeatability, line_test
from qc.mole_fraction.preparation import MINUTE_NS, Prepared, apply_rules, prepare
from qc.mole_fraction.reference import MIN_RESIDUALS, POOL_NS, find_reference
from qc.mole_fraction.scales import assigned_on
from qc.mole_fraction.series import (
    CALIBRATION,
    EVENT,
    GAP,
    HOUR_S,
    LEFT_OUT,
    MINUTE_S,
    PROVISIONAL,
    REASONS,
    REFERENCE,
    USED,
    WATER,
    Alarm,
    Calibration,
    Event,
    LineTest,
    Means,
    MoleFractions,
    RawSeries,
    Repeatability,
    TankRun,
    TargetRun,
)
from qc.mole_fraction.spikes import LOOK_AHEAD_NS, LOOK_BACK_NS, find_spikes
from qc.mole_fraction.water import correct_water

HOUR_NS = 3600 * NS
LONGEST_RUN_NS = 2 * HOUR_NS
"""A run of a tank is taken to be no longer than this where stretches of samples are cut out. [ns]"""

MIN_RUNS_FOR_DRIFT = MIN_RESIDUALS + 2
"""With fewer runs of the reference in a day its drift is not known yet."""


@dataclass(frozen=True)
class _OfGas:
    """What comes of one gas."""

    minutes: Means
    hours: Means
    runs: list[TankRun]
    calibrations: list[Calibration]
    targets: list[TargetRun]
    line_tests: list[LineTest]
    alarms: list[Alarm]
    repeatabilities: list[Repeatability]
    account: dict[str, int]
    notes: list[str]


def process_mole_fractions(
    raw: RawSeries, station: Station, tanks: Tanks, *, events: Sequence[Event] = ()
) -> MoleFractions:
    """Make calibrated minutes and hours of an analyser's raw samples.

    Parameters
    ----------
    raw : RawSeries
        All channels that ``[mole_fraction]`` names, in the units of the station file.
    station : Station
        With a part ``[mole_fraction]``.
    tanks : Tanks
        At least those at its ports.
    events : sequence of Event
        Tests of sampling lines, visits and weekly checks that touch the time.

    Returns
    -------
    MoleFractions
        Minutes and hours by gas, runs of tanks, calibrations, targets, tests, alarms, and what became of each sample.

    Raises
    ------
    ConfigError
        The station has no such part, or a tank is not known or not assigned.
    SeriesError
        Times do not ascend, or a channel is missing.
    """
    part = station.mole_fraction
    if part is None:
        raise ValueError(f"{station.id} has no part [mole_fraction]")
    check_tanks(station, tanks, station.id)
    prepared = prepare(raw, station, part, events)
    of_gas = [_process_gas(raw, prepared, gas, station, part, tanks, events) for gas in part.gas]
    return _gathered({gas.name: one for gas, one in zip(part.gas, of_gas, strict=True)})


def _gathered(of_gas: Mapping[str, _OfGas]) -> MoleFractions:
    """Put together what came of each gas."""

    def all_of(name: str) -> Iterator[Any]:
        return (found for one in of_gas.values() for found in getattr(one, name))

    return MoleFractions(
        minutes={gas: one.minutes for gas, one in of_gas.items()},
        hours={gas: one.hours for gas, one in of_gas.items()},
        tank_runs=tuple(all_of("runs")),
        calibrations=tuple(all_of("calibrations")),
        targets=tuple(all_of("targets")),
        line_tests=tuple(all_of("line_tests")),
        alarms=tuple(sorted(all_of("alarms"), key=lambda alarm: alarm.time_ns)),
        account={gas: one.account for gas, one in of_gas.items()},
        repeatabilities=tuple(all_of("repeatabilities")),
        notes=tuple(dict.fromkeys(all_of("notes"))),
    )


def look_back_ns(part: MoleFraction) -> int:
    """Return how long before a result samples are needed for it. [ns]"""
    return _longest_timing(part) + LOOK_BACK_NS + max(POOL_NS, _of_standards(part)) + 2 * _bracket(part)


def look_ahead_ns(part: MoleFraction) -> int:
    """Return how long after a result samples can still change it. [ns]"""
    return HOUR_NS + LOOK_AHEAD_NS + _of_standards(part) + 2 * _bracket(part)


def changed_span(
    part: MoleFraction, start_ns: int, end_ns: int, runs: Sequence[TankRun] | None = None
) -> tuple[int, int]:
    """Return the whole hours of which results can change where samples of [start, end) are new.

    Parameters
    ----------
    part : MoleFraction
        Of the station file.
    start_ns, end_ns : int
        The samples that are new, or were corrected. [ns]
    runs : sequence of TankRun, optional
        Runs of tanks from a day and a bracket before to as long after, the new samples among them: the span is then no
        longer than these make it. Air alone changes its own hours and, by spikes, those of the next day; a run of the
        reference the air up to the run before it and of the day after; a run of a standard, or of the reference with
        one near or in the day after, all for which standards hold.
    """
    bracket = 2 * _bracket(part)
    before, after = look_ahead_ns(part), look_back_ns(part)
    if runs is not None:
        reach = bracket // 2 - LONGEST_RUN_NS
        # a run of the reference tells of the drift of the day after it, and with that of what standards are worth
        near = [run for run in runs if run.end_ns >= start_ns - reach and run.start_ns <= end_ns + reach + POOL_NS]
        flush, gap = seconds(part.timing.flush), seconds(part.timing.gap)
        touched = [run for run in near if run.end_ns >= start_ns - gap and run.start_ns - flush <= end_ns + gap]
        if not touched:
            before, after = HOUR_NS + LOOK_AHEAD_NS, _longest_timing(part) + LOOK_BACK_NS
        elif all(run.role == "target" for run in touched) or not _reaches_standards(runs, touched[0], near):
            before, after = HOUR_NS + LOOK_AHEAD_NS + bracket, _longest_timing(part) + LOOK_BACK_NS + POOL_NS + bracket
    return (start_ns - before) // HOUR_NS * HOUR_NS, -(-(end_ns + after) // HOUR_NS) * HOUR_NS


def _reaches_standards(runs: Sequence[TankRun], touched: TankRun, near: Sequence[TankRun]) -> bool:
    """Say whether runs of standards may change with a run: they are near, or wait for runs that tell the drift."""
    earlier = [
        run.time_ns
        for run in runs
        if run.role == "reference" and touched.time_ns - POOL_NS < run.time_ns <= touched.time_ns
    ]
    return any(run.role == "standard" for run in near) or len(set(earlier)) < MIN_RUNS_FOR_DRIFT


def _bracket(part: MoleFraction) -> int:
    how = part.calibration
    return seconds(how.bracket if how.method == "reference" else how.max_gap) + LONGEST_RUN_NS


def _of_standards(part: MoleFraction) -> int:
    return seconds(part.calibration.max_age) * 2


def _longest_timing(part: MoleFraction) -> int:
    timing = part.timing
    return seconds(timing.flush + timing.after_target + timing.warm_up + timing.outage)


def _process_gas(
    raw: RawSeries,
    prepared: Prepared,
    gas: MeasuredGas,
    station: Station,
    part: MoleFraction,
    tanks: Tanks,
    events: Sequence[Event],
) -> _OfGas:
    unit, scale = GAS_UNITS[gas.name], gas.published_scale
    state, marks = apply_rules(part, station.id, gas.name, raw, prepared.state, prepared.marks)
    response, factor, water, missing, faulty, notes = _dry_response(raw, gas, station, part)
    for unusable, why in ((missing, GAP), (faulty & ~missing, WATER)):
        state[unusable] = LEFT_OUT
        marks[unusable] |= np.uint32(why)
    notes += _conversion_notes(gas, part, tanks, prepared)
    runs = _tank_runs(prepared, part, gas.name, response, water, state)
    reference = find_reference(runs, part, prepared.outage_ns)
    calibrations = find_calibrations(runs, reference, part, tanks, scale)
    subtract = part.calibration.method == "reference"
    node_tank = np.array([reference.number_of(one.reference) for one in calibrations], np.int64)
    value, slope, argument, fault = kernels.calibrate(
        *(prepared.time, response, factor, reference.time, reference.value, reference.bracketed),
        *(reference.tank_numbers if subtract else np.full(len(reference.time), -1, np.int64), subtract),
        *(np.array([one.time_ns for one in calibrations], np.int64), node_tank),
        np.array([one.centre for one in calibrations]),
        np.array([one.coefficients for one in calibrations]).reshape(-1, 3),
        seconds(part.calibration.max_age if subtract else part.calibration.max_gap),
    )
    for bit, why in ((1, REFERENCE), (2, CALIBRATION)):
        hit = (fault & bit) > 0
        state[hit] = np.maximum(state[hit], PROVISIONAL)
        marks[hit] |= np.uint32(why)
    state[~np.isfinite(value)] = LEFT_OUT
    samples = Calibrated(prepared.time, value, slope, argument, response, water, state, marks)
    basis = Uncertain(gas.name, part, reference, calibrations)
    intake_of = np.array([part.intakes.index(port.intake) if port.intake else -1 for port in part.port] + [-1])
    minutes, averages = minutes_of(samples, intake_of[prepared.entry], basis, unit, scale)
    minutes = with_spikes(minutes, find_spikes(minutes, part.spikes))
    hours = hours_of(minutes, averages, basis)
    targets = _targets(samples, prepared, part, tanks, scale, basis)
    tests = _line_tests(samples, prepared, part, tanks, gas, events)
    found = alarms_of(targets, {gas.name: gas.accepted_bias}) + [
        _line_alarm(test, gas) for test in tests if not test.passed
    ]
    found += diagnose(gas, part, tanks, runs, calibrations, targets, reference, _own_dry(raw, gas, station), samples)
    account = _account(state, marks, intake_of[prepared.entry] < 0)
    days = _repeatabilities(prepared, part, gas.name, response, state)
    return _OfGas(minutes, hours, runs, calibrations, targets, tests, found, days, account, notes)


def _dry_response(
    raw: RawSeries, gas: MeasuredGas, station: Station, part: MoleFraction
) -> tuple[FloatArray, FloatArray, FloatArray, NDArray[np.bool_], NDArray[np.bool_], list[str]]:
    """Return dry response, moist over dry, water in %, whether gas is missing, whether water is unusable, and notes."""
    wet, variable = _in_unit(raw, station, part, gas.channel, GAS_UNITS[gas.name])
    water = np.zeros(len(raw.time_ns))
    if part.water is not None:
        water = _in_unit(raw, station, part, part.water, "mmol mol-1")[0] / 10
        water = np.where(np.isfinite(water), water, np.nan)
    facts = core_variable(variable)
    low, high = (convert(limit, variable, facts.unit, GAS_UNITS[gas.name]) for limit in (facts.low, facts.high))
    missing = ~((wet >= low) & (wet <= high))
    wet = np.where(missing, np.nan, wet)
    if base_name(variable).endswith("_MIXING_RATIO"):
        return wet, np.ones(len(wet)), water, missing, np.zeros(len(wet), bool), []
    response, faulty, notes = correct_water(part, gas.name, raw.time_ns, wet, water)
    # CO is corrected by a difference, which commutes with a calibration of slope 1
    factor = np.ones(len(wet)) if gas.name == "CO" else wet / response
    return response, factor, water, missing, faulty, notes


def _conversion_notes(gas: MeasuredGas, part: MoleFraction, tanks: Tanks, prepared: Prepared) -> list[str]:
    """Say of which tanks the value was converted from another scale."""
    found = []
    for i in np.unique(prepared.entry[prepared.entry >= 0]):
        serial = part.port[i].tank
        time = int(prepared.time[np.argmax(prepared.entry == i)])
        known = assigned_on(tanks[serial], gas.name, gas.published_scale, time) if serial else None
        if known is not None and known.converted_from:
            how = f"{known.converted_from} to {gas.published_scale}"
            found.append(f"scale: {serial} is assigned {gas.name} on another scale: converted from {how}")
    return found


def _own_dry(raw: RawSeries, gas: MeasuredGas, station: Station) -> FloatArray | None:
    part = station.mole_fraction
    if gas.dry_channel is None or part is None:
        return None
    return _in_unit(raw, station, part, gas.dry_channel, GAS_UNITS[gas.name])[0]


def _in_unit(raw: RawSeries, station: Station, part: MoleFraction, channel: str, unit: str) -> tuple[FloatArray, str]:
    stream = station.streams[part.stream]
    declared = stream.channels[stream.channel_index[channel]]
    values = raw.column(channel)
    if declared.unit == unit:
        return values, declared.variable
    zero, one = (convert(point, declared.variable, declared.unit, unit) for point in (0.0, 1.0))
    return values * (one - zero) + zero, declared.variable


def _tank_runs(
    prepared: Prepared, part: MoleFraction, gas: str, response: FloatArray, water: FloatArray, state: NDArray[np.int8]
) -> list[TankRun]:
    of_tank = np.array([port.tank is not None for port in part.port] + [False])
    chosen = of_tank[prepared.entry[prepared.starts]] if len(prepared.starts) else np.zeros(0, bool)
    starts, ends = prepared.starts[chosen], prepared.ends[chosen]
    use = state == USED
    means, sds, counts, lags, times = kernels.summarise(response, prepared.time, use, starts, ends)
    vapour = kernels.summarise(water, prepared.time, use & np.isfinite(water), starts, ends)[0]
    runs = []
    for k, (start, end) in enumerate(zip(starts, ends, strict=True)):
        port = part.port[prepared.entry[start]]
        n, lag = int(counts[k]), min(max(float(lags[k]), 0.0), 0.9)
        variance = float(sds[k]) ** 2 / n * (1 + lag) / (1 - lag) if n > 1 else float("nan")
        first = int(prepared.time[start]) + seconds(part.timing.flush)
        runs.append(
            TankRun(
                gas=gas,
                tank=port.tank or "",
                role=port.role or "",
                port=port.number,
                start_ns=min(first, int(prepared.time[end - 1])),
                end_ns=int(prepared.time[end - 1]),
                time_ns=int(times[k]),
                value=float(means[k]),
                sd=float(sds[k]),
                n=n,
                variance=variance,
                water=float(vapour[k]),
                used=n >= part.calibration.min_samples and bool(np.isfinite(variance)),
            )
        )
    return runs


def _targets(
    samples: Calibrated, prepared: Prepared, part: MoleFraction, tanks: Tanks, scale: str, basis: Uncertain
) -> list[TargetRun]:
    is_target = np.array([port.role == "target" for port in part.port] + [False])
    chosen = (
        np.flatnonzero(is_target[prepared.entry[prepared.starts]]) if len(prepared.starts) else np.zeros(0, np.int64)
    )
    group = np.full(len(samples.time), -1, np.int64)
    for row, k in enumerate(chosen):
        group[prepared.starts[k] : prepared.ends[k]] = row
    means = average_samples(samples, group, len(chosen))
    rows = np.arange(len(chosen))
    u = uncertainty(means, rows, rows + 1, means, basis)
    found = []
    for row, k in enumerate(chosen):
        if means.n[row] < part.calibration.min_samples:
            continue
        serial = part.port[prepared.entry[prepared.starts[k]]].tank or ""
        time = int(means.time[row])
        known = assigned_on(tanks[serial], basis.gas, scale, time)
        value, u_assigned = (known.value, known.u) if known else (float("nan"), float("nan"))
        found.append(
            TargetRun(
                *(
                    basis.gas,
                    serial,
                    time,
                    float(means.value[row]),
                    float(u[row]),
                    float(means.sd[row]),
                    int(means.n[row]),
                ),
                *(value, u_assigned, int(FLAGS[means.state[row]])),
            )
        )
    return found


def _line_tests(
    samples: Calibrated, prepared: Prepared, part: MoleFraction, tanks: Tanks, gas: MeasuredGas, events: Sequence[Event]
) -> list[LineTest]:
    found = []
    for event in events:
        if event.kind != "line_test" or event.tank not in tanks:
            continue
        known = assigned_on(tanks[event.tank], gas.name, gas.published_scale, event.start_ns)
        at_intake = np.array([port.intake == event.intake for port in part.port] + [False])
        # what is left out for the test alone is what the test is about
        use = at_intake[prepared.entry] & (samples.marks & ~np.uint32(EVENT | REFERENCE) == 0)
        low, high = np.searchsorted(samples.time, (event.start_ns, event.end_ns))
        if known is None or not use[low:high].any():
            continue
        value = np.where(use[low:high], samples.value[low:high], np.nan)
        span = (event.start_ns, event.end_ns, known.value, gas.accepted_bias)
        found.append(line_test(gas.name, event.intake, event.tank, samples.time[low:high], value, *span))
    return found


def _line_alarm(test: LineTest, gas: MeasuredGas) -> Alarm:
    text = (
        f"line_test: gas of {test.tank} through the line of {test.intake} is off by {test.difference:+.3f} in "
        f"{test.gas}: look for a leak between inlet and analyser"
    )
    return Alarm("line_test", "warning", test.gas, test.intake, test.end_ns, test.difference, gas.accepted_bias, text)


def _repeatabilities(
    prepared: Prepared, part: MoleFraction, gas: str, response: FloatArray, state: NDArray[np.int8]
) -> list[Repeatability]:
    """Return the CMR of each tank that was measured for a day on end.

    It is that of the responses: nothing is calibrated while no reference is measured. What the rules leave out, and the
    flush, is not in it.
    """
    found = []
    for start, end in zip(prepared.starts, prepared.ends, strict=True):
        port = part.port[prepared.entry[start]] if prepared.entry[start] >= 0 else None
        time = prepared.time[start:end]
        if port is None or port.tank is None or time[-1] - time[0] < MIN_CMR_SHARE * DAY_NS:
            continue
        use = (state[start:end] == USED) | (state[start:end] == PROVISIONAL)
        minutes, group = np.unique(time[use] // MINUTE_NS, return_inverse=True)
        means = np.bincount(group, response[start:end][use]) / np.bincount(group)
        sds = [continuous_repeatability(minutes * MINUTE_NS, means, step) for step in (MINUTE_S, HOUR_S)]
        found.append(Repeatability(gas, port.tank, int(time[0]), int(time[-1]), *sds))
    return found


def _account(state: NDArray[np.int8], marks: NDArray[np.uint32], not_air: NDArray[np.bool_]) -> dict[str, int]:
    """Count what became of each sample; one that has several reasons counts for the first."""
    left = state == LEFT_OUT
    found = {"used": int(((state == USED) & ~not_air).sum()), "tank": int((~left & not_air).sum())}
    found["not used as good"] = int((~left & (state != USED) & ~not_air).sum())
    for bit, text in REASONS.items():
        hit = left & ((marks & bit) > 0)
        if hit.any():
            found[text.partition(":")[0]] = int(hit.sum())
            left &= ~hit
    if left.any():
        found["no calibration"] = int(left.sum())
    return found


def restricted(result: MoleFractions, start_ns: int, end_ns: int) -> MoleFractions:
    """Return what is in [start, end) of a result: what is certain where samples of the time around it were given."""

    def inside(time_ns: int) -> bool:
        return start_ns <= time_ns < end_ns

    return replace(
        result,
        minutes={gas: means.between(start_ns, end_ns) for gas, means in result.minutes.items()},
        hours={gas: means.between(start_ns, end_ns) for gas, means in result.hours.items()},
        tank_runs=tuple(one for one in result.tank_runs if inside(one.time_ns)),
        calibrations=tuple(one for one in result.calibrations if inside(one.time_ns)),
        targets=tuple(one for one in result.targets if inside(one.time_ns)),
        line_tests=tuple(one for one in result.line_tests if inside(one.start_ns)),
        alarms=tuple(one for one in result.alarms if inside(one.time_ns)),
        repeatabilities=tuple(one for one in result.repeatabilities if inside(one.start_ns)),
    )
