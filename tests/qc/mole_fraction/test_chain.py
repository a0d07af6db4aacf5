"""The whole chain on the simulator: accuracy, uncertainty, the same bits live and over a period, named mistakes."""

from __future__ import annotations

from dataclasses import astuple, replace
from datetime import UTC, datetime

import numpy as np
import pytest

from core.clock import NS
from core.errors import ConfigError, SeriesError
from core.station import parse_station
from core.tanks import Tanks, parse_tank
from ingest.simulation.analyser import WATER, Fault, SimulatedAnalyser, at
from qc.mole_fraction import (
    Event,
    Means,
    MoleFractions,
    RawSeries,
    changed_span,
    changes_between,
    look_ahead_ns,
    look_back_ns,
    process_mole_fractions,
    restricted,
)
from tests.qc.mole_fraction.scenes import DAY, HOUR, cut, hourly_errors, process, raw_of


def assert_same_bits(one: MoleFractions, other: MoleFractions) -> None:
    for kind in ("minutes", "hours"):
        for gas in one.minutes:
            assert_same_means(getattr(one, kind)[gas], getattr(other, kind)[gas])
    assert repr(one.tank_runs) == repr(other.tank_runs)
    assert repr(one.targets) == repr(other.targets)
    assert repr(one.calibrations) == repr(other.calibrations)
    assert [a for a in one.alarms if a.kind != "target"] == [a for a in other.alarms if a.kind != "target"]


def assert_same_means(one: Means, other: Means) -> None:
    for name, mine, theirs in zip(one.__dataclass_fields__, astuple(one), astuple(other), strict=True):
        if isinstance(mine, np.ndarray):
            assert mine.tobytes() == theirs.tobytes(), name


def test_a_day_is_accurate_and_says_how_well() -> None:
    found = [
        hourly_errors(*process(SimulatedAnalyser(seed=seed), 13), "CO2", DAY + 4 * HOUR, DAY + 11 * HOUR)
        for seed in range(60)
    ]
    errors = np.concatenate(found)
    assert abs(errors[:, 0].mean()) < 0.02
    # 60 sets of tanks: 68 % +/- three standard errors of that few
    assert 0.56 < np.mean(np.abs(errors[:, 0]) <= errors[:, 1]) < 0.80
    assert errors[:, 0].std() == pytest.approx(np.sqrt(np.mean(errors[:, 1] ** 2)), rel=0.25)


def test_every_hour_of_both_intakes_is_there() -> None:
    result, _ = process(SimulatedAnalyser(seed=2), 24)
    hours = result.hours["CO2"]
    assert len(hours) == 48
    # until there are three residuals of the jackknife nothing is said about u; nothing is bracketed after the last run
    assert [int(flag) for flag in hours.flag[1::2]] == [2] * 3 + [1] * 20 + [2]
    assert [reason.partition(":")[0] for reason in hours.reasons(3)] == ["drift"]
    # the standards leave a minute of the first half-hour, which is flushing
    assert (int(hours.flag[0]), hours.reasons(0)) == (4, ["flush: the valve had just changed"])
    assert hours.reasons(47) == ["reference: not between two runs of the same reference tank"]
    account = result.account["CO2"]
    assert sum(account.values()) == 24 * 720


def test_live_work_gives_the_bits_of_the_whole_period() -> None:
    scene = SimulatedAnalyser(seed=4, faults=(Fault("outage", DAY + 40 * HOUR, DAY + 43 * HOUR),))
    start, end = DAY, DAY + 15 * 24 * HOUR
    raw = raw_of(scene.samples(start, end))
    part = scene.station.mole_fraction
    assert part is not None
    whole = process_mole_fractions(raw, scene.station, scene.tanks)
    for hour in (170, 175, 176):
        a, b = start + hour * HOUR, start + (hour + 3) * HOUR
        piece = cut(raw, a - look_back_ns(part), b + look_ahead_ns(part))
        assert len(piece.time_ns) < len(raw.time_ns)
        alone = process_mole_fractions(piece, scene.station, scene.tanks)
        assert len(restricted(alone, a, b).hours["CO2"]) == 6
        assert_same_bits(restricted(alone, a, b), restricted(whole, a, b))


@pytest.mark.parametrize(
    "late", [(100.6, 100.8), (100.98, 101.1), (96.1, 96.2), (99.05, 99.2), (108.1, 108.3), (92.01, 92.03)]
)
def test_late_samples_change_what_is_said_to_change_and_nothing_else(late: tuple[float, float]) -> None:
    scene = SimulatedAnalyser(seed=5)
    raw = raw_of(scene.samples(DAY, DAY + 9 * 24 * HOUR))
    part = scene.station.mole_fraction
    assert part is not None
    a, b = (DAY + round(hour * HOUR) for hour in late)
    without = (raw.time_ns < a) | (raw.time_ns >= b)
    early = process_mole_fractions(
        RawSeries(raw.time_ns[without], raw.values[without], raw.channels), scene.station, scene.tanks
    )
    whole = process_mole_fractions(raw, scene.station, scene.tanks)
    first, last = changed_span(part, a, b, whole.tank_runs)
    for span in ((DAY, first), (last, DAY + 9 * 24 * HOUR)):
        assert_same_bits(restricted(early, *span), restricted(whole, *span))
    changed = restricted(whole, first, last).hours["CO2"]
    assert changed.value.tobytes() != restricted(early, first, last).hours["CO2"].value.tobytes()
    # and no more is said than needed: air alone reaches no hour before its own but the one before
    if late == (100.6, 100.8):
        assert first == DAY + 98 * HOUR
    # live, when nothing has come after it, a run of the reference reaches no further than the run before it
    live, _ = changed_span(part, a, b, [run for run in whole.tank_runs if run.end_ns < b])
    if late == (100.98, 101.1):
        assert live > DAY + 80 * HOUR


def test_an_outage_is_no_bracket_and_what_warms_up_is_left_out() -> None:
    fault = Fault("outage", DAY + 5 * HOUR + 1200 * NS, DAY + 6 * HOUR + 2400 * NS)
    result, made = process(SimulatedAnalyser(seed=6, faults=(fault,)), 13)
    hours = result.hours["CO2"]
    of = {int((time - DAY) // HOUR): int(flag) for time, flag in zip(hours.time_ns, hours.flag, strict=True)}
    assert of[5] == 2
    assert of[6] == 4
    # the run at 7 h is too warm still
    assert (of[7], of[8]) == (2, 1)
    errors = hourly_errors(result, made, "CO2", DAY + 7 * HOUR, DAY + 11 * HOUR)
    assert np.abs(errors[:, 0]).max() < 0.1
    assert result.account["CO2"]["instrument"] > 100


def test_a_new_reference_tank_is_not_interpolated_from_the_old_one() -> None:
    scene = SimulatedAnalyser(seed=7, change="2026-01-10T06:30:00")
    result, made = process(scene, 25)
    flags = {
        int((t - DAY) // HOUR): int(f)
        for t, f in zip(result.hours["CO2"].time_ns, result.hours["CO2"].flag, strict=True)
    }
    assert flags[6] == 2
    assert all(flags[hour] == 1 for hour in range(7, 23))
    errors = hourly_errors(result, made, "CO2", DAY + 7 * HOUR, DAY + 23 * HOUR)
    assert np.abs(errors[:, 0]).max() < 0.1
    assert result.alarms == ()


def test_a_clean_station_gives_no_alarm() -> None:
    for seed in range(10):
        result, _ = process(SimulatedAnalyser(seed=seed), 26)
        assert result.alarms == ()


@pytest.mark.parametrize("port", [9, 10, 11])
@pytest.mark.parametrize("when", [-1.0, 5.0])
def test_a_wrong_tank_is_named_within_a_day(port: int, when: float) -> None:
    start = DAY + round(when * HOUR)
    fault = Fault("wrong_gas", start, DAY + 900 * HOUR, 4.0, port)
    result, _ = process(SimulatedAnalyser(seed=8, faults=(fault,)), 24)
    named = {alarm.about for alarm in result.alarms if alarm.kind == "tank" and alarm.gas == "CO2"}
    assert f"SIM-{port - 8}" in named
    assert named <= {f"SIM-{port - 8}"}
    assert min(alarm.time_ns for alarm in result.alarms) - max(start, DAY) < 24 * HOUR


def test_another_gas_at_the_port_of_the_reference_is_named() -> None:
    fault = Fault("wrong_gas", DAY + 5 * HOUR, DAY + 900 * HOUR, 4.0, 8)
    result, _ = process(SimulatedAnalyser(seed=8, faults=(fault,)), 24)
    assert "SIM-R" in {alarm.about for alarm in result.alarms if alarm.kind == "tank"}


def test_a_run_of_the_reference_that_went_wrong_is_named() -> None:
    fault = Fault("wrong_gas", DAY + 8 * HOUR - 60 * NS, DAY + 8 * HOUR + 400 * NS, 1.0, 8)
    result, _ = process(SimulatedAnalyser(seed=8, faults=(fault,)), 24)
    (alarm,) = [one for one in result.alarms if one.gas == "CO2"]
    assert (alarm.kind, alarm.about) == ("reference", "SIM-R")
    assert alarm.value == pytest.approx(1.0, abs=0.15)
    assert abs(alarm.time_ns - (DAY + 8 * HOUR + 210 * NS)) < 60 * NS


def test_all_standards_on_another_scale_are_named_within_a_day() -> None:
    for seed in range(5):
        result, _ = process(SimulatedAnalyser(seed=seed, x2007=frozenset((9, 10, 11))), 24)
        alarms = [alarm for alarm in result.alarms if alarm.gas == "CO2"]
        assert {"scale"} <= {alarm.kind for alarm in alarms} <= {"scale", "target"}
        assert "SIM-1, SIM-2, SIM-3" in {alarm.about for alarm in alarms if alarm.kind == "scale"}


def test_one_tank_on_another_scale_is_named_within_a_day() -> None:
    named = []
    for seed in range(10):
        result, _ = process(SimulatedAnalyser(seed=seed, x2007=frozenset((10,))), 24)
        named += [" ".join(alarm.about for alarm in result.alarms if alarm.kind == "scale")]
    assert sum("SIM-2" in one for one in named) >= 9


@pytest.mark.parametrize("slope", [-0.0110, -0.0130])
def test_wrong_coefficients_of_water_are_named_within_a_day(slope: float) -> None:
    wrong = {**WATER, "CO2": (1.0, slope, -2.674e-4)}
    result, _ = process(SimulatedAnalyser(seed=9, water=wrong), 24)
    alarms = [alarm for alarm in result.alarms if alarm.kind == "water"]
    assert {alarm.gas for alarm in alarms} == {"CO2"}
    # 424 ppm, 1.2 % of water, 0.001 per %: half a ppm
    assert alarms[0].value == pytest.approx((slope + 0.012) * -424 * 1.2, rel=0.3)
    assert alarms[0].text.startswith("water: by the station file's coefficients CO2 is")


def test_without_an_own_dry_value_they_are_compared_with_the_literature() -> None:
    scene = SimulatedAnalyser(seed=9, water={**WATER, "CO2": (1.0, -0.0105, -2.674e-4)})
    station = scene.station
    part = station.mole_fraction
    assert part is not None
    bare = part.model_copy(update={"gas": tuple(gas.model_copy(update={"dry_channel": None}) for gas in part.gas)})
    raw = raw_of(scene.samples(DAY, DAY + 12 * HOUR))
    result = process_mole_fractions(raw, station.model_copy(update={"mole_fraction": bare}), scene.tanks)
    assert {alarm.kind for alarm in result.alarms} == {"water"}
    assert "Chen et al. (2010)" in result.alarms[0].text


def test_a_drifting_target_alarms_within_two_runs_of_leaving_the_goal() -> None:
    fault = Fault("target_drift", DAY, DAY + 900 * HOUR, 0.12, 12)
    result, _ = process(SimulatedAnalyser(seed=10, faults=(fault,)), 72)
    targets = [run for run in result.targets if run.gas == "CO2" and run.flag == 1]
    beyond = next(i for i, run in enumerate(targets) if abs(run.bias) > 0.1)
    alarms = [alarm for alarm in result.alarms if alarm.kind == "target" and alarm.gas == "CO2"]
    assert alarms[0].time_ns <= targets[beyond + 1].time_ns


def test_the_simple_alternative_agrees() -> None:
    scene = SimulatedAnalyser(seed=11)
    part = scene.station.mole_fraction
    assert part is not None
    how = part.calibration.model_copy(update={"method": "tanks", "max_gap": 50_000.0})
    other = scene.station.model_copy(update={"mole_fraction": part.model_copy(update={"calibration": how})})
    made = scene.samples(DAY, DAY + 60 * HOUR)
    errors = hourly_errors(process_mole_fractions(raw_of(made), other, scene.tanks), made, "CO2", DAY, DAY + 48 * HOUR)
    assert len(errors) > 20
    # tanks twice a day against a reference each hour: the baseline walks 0.15 ppm a day
    assert np.abs(errors[:, 0]).max() < 0.3


def test_a_line_test_finds_a_leak() -> None:
    span = (DAY + 6 * HOUR + 1920 * NS, DAY + 6 * HOUR + 3540 * NS)
    test = Event("line_test", *span, intake="40m", tank="SIM-T")
    scene = SimulatedAnalyser(seed=12)
    made = scene.samples(DAY, DAY + 13 * HOUR)
    raw = raw_of(made)
    during = (raw.time_ns >= span[0]) & (raw.time_ns < span[1])
    true = scene.true_content[12]["CO2"]
    for leak, passed in ((0.0, True), (0.3, False)):
        values = raw.values.copy()
        # dry gas of the tank in place of the air, with room air by a leak
        values[during, 1] += true + leak - made.truth["CO2"][during] * (1 + 0.0)
        values[during, 4] = 0.0
        values[during, 1] += made.truth["CO2"][during] * (1 - raw_factor(raw.values[during, 4] / 10))
        result = process_mole_fractions(
            RawSeries(raw.time_ns, values, raw.channels), scene.station, scene.tanks, events=[test]
        )
        (line,) = [one for one in result.line_tests if one.gas == "CO2"]
        assert (line.intake, line.tank, line.passed) == ("40m", "SIM-T", passed)
        assert line.difference == pytest.approx(leak, abs=0.08)
        assert ("line_test" in {alarm.kind for alarm in result.alarms if alarm.gas == "CO2"}) is not passed
        assert result.account["CO2"]["event"] > 0


def raw_factor(water: np.ndarray) -> np.ndarray:
    c0, c1, c2 = WATER["CO2"]
    return c0 + water * (c1 + water * c2)


def test_negative_water_is_named_and_makes_no_value() -> None:
    fault = Fault("negative_water", DAY + 6 * HOUR, DAY + 7 * HOUR, 3.0)
    result, _ = process(SimulatedAnalyser(seed=13, faults=(fault,)), 13)
    hours = result.hours["CO2"].between(DAY + 6 * HOUR, DAY + 7 * HOUR)
    assert [int(flag) for flag in hours.flag] == [4, 4]
    assert hours.reasons(0)[-1].startswith("water: the vapour is missing, negative or more")
    assert np.isnan(hours.value).all()
    assert result.account["CO2"]["water"] > 100


def test_times_that_do_not_ascend_are_refused() -> None:
    scene = SimulatedAnalyser(seed=1)
    raw = raw_of(scene.samples(DAY, DAY + HOUR))
    time = raw.time_ns.copy()
    time[10] = time[9]
    with pytest.raises(SeriesError, match=r"sample 10: its time .* is not after that of the sample before"):
        process_mole_fractions(RawSeries(time, raw.values, raw.channels), scene.station, scene.tanks)


def test_an_unknown_tank_is_refused_before_anything_is_computed() -> None:
    scene = SimulatedAnalyser(seed=1)
    raw = raw_of(scene.samples(DAY, DAY + HOUR))
    known = Tanks({serial: scene.tanks[serial] for serial in ("SIM-R", "SIM-1", "SIM-2", "SIM-3")})
    with pytest.raises(ConfigError, match=r"expected a registered tank: .* got 'SIM-T'"):
        process_mole_fractions(raw, scene.station, known)


def test_a_channel_that_is_missing_is_named() -> None:
    scene = SimulatedAnalyser(seed=1)
    raw = raw_of(scene.samples(DAY, DAY + HOUR))
    with pytest.raises(SeriesError, match="no channel 'flow'"):
        process_mole_fractions(
            RawSeries(raw.time_ns, raw.values[:, :-1], raw.channels[:-1]), scene.station, scene.tanks
        )


def test_nothing_gives_nothing() -> None:
    scene = SimulatedAnalyser(seed=1)
    raw = raw_of(scene.samples(DAY, DAY + HOUR))
    result = process_mole_fractions(cut(raw, 0, 1), scene.station, scene.tanks)
    assert len(result.hours["CO2"]) == len(result.tank_runs) == 0


def test_a_scale_change_moves_values_by_the_difference_of_the_scales() -> None:
    scene = SimulatedAnalyser(seed=14)
    part = scene.station.mole_fraction
    assert part is not None
    old = tuple(gas.model_copy(update={"scale": "WMO-CO2-X2007"}) if gas.name == "CO2" else gas for gas in part.gas)
    station = scene.station.model_copy(update={"mole_fraction": part.model_copy(update={"gas": old})})
    raw = raw_of(scene.samples(DAY, DAY + 13 * HOUR))
    new, before = (process_mole_fractions(raw, one, scene.tanks) for one in (scene.station, station))
    assert (before.hours["CO2"].scale, new.hours["CO2"].scale) == ("WMO-CO2-X2007", "WMO-CO2-X2019")
    assert any("SIM-1 is assigned CO2 on another scale" in note for note in before.notes)
    value = new.hours["CO2"].value
    # the line of Hall et al. (2021) turned round: x2007 = (x2019 + 0.142)/1.00079
    np.testing.assert_allclose(before.hours["CO2"].value, (value + 0.142) / 1.00079, atol=5e-3)


def test_what_a_new_computation_changed_is_told_by_month_and_intake() -> None:
    scene = SimulatedAnalyser(seed=14)
    result, _ = process(scene, 30, start=DAY + 21 * 24 * HOUR)
    hours = result.hours["CO2"]
    assert changes_between(hours, hours) == []
    later = hours.time_ns >= at("2026-02-01")
    value, flag = hours.value + np.where(later & (hours.intake == 1), 0.18, 0.0), hours.flag.copy()
    first = int(np.flatnonzero(later & (hours.intake == 1))[0])
    flag[first], value[first] = 4, np.nan
    (change,) = changes_between(hours, replace(hours, value=value, flag=flag))
    assert (change.intake, change.month_ns) == ("40m", at("2026-02-01"))
    assert (change.n, change.vanished, change.appeared, change.reflagged) == (5, 1, 0, 1)
    assert (change.shift, change.largest) == (pytest.approx(0.18), pytest.approx(0.18))
    with pytest.raises(ValueError, match="CO2 of 3600 s cannot be compared with CH4 of 3600 s"):
        changes_between(hours, result.hours["CH4"])


def test_a_day_of_a_tank_gives_the_repeatability() -> None:
    start = DAY + 2 * HOUR
    stuck = Fault("stuck_valve", start, start + 25 * HOUR, port=12)
    result, _ = process(SimulatedAnalyser(seed=17, walk=0.0, faults=(stuck,)), 30)
    (found,) = [one for one in result.repeatabilities if one.gas == "CO2"]
    assert found.tank == "SIM-T"
    # white noise of 0.04 ppm: 12 samples a minute, 720 an hour
    assert found.of_minutes == pytest.approx(0.04 / 12**0.5, rel=0.1)
    assert found.of_hours == pytest.approx(0.04 / 720**0.5, rel=0.5)


def test_co_is_corrected_by_a_difference() -> None:
    scene = SimulatedAnalyser(seed=18, humidity=1.5)
    # the simulator's second gas taken for CO: its dilution by water, linear about 2010 ppb
    text = scene.station_text.replace('variable = "CH4"', 'variable = "CO_MOLE_FRACTION"').replace(
        'name = "CH4"', 'name = "CO"'
    )
    text = text.replace('gas = "CH4"', 'gas = "CO"').replace(str(list(WATER["CH4"])), "[0.0, -19.74, -0.481]")
    station = parse_station(text, "co.toml")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    texts = [
        one.replace('"CH4"', '"CO"').replace("WMO-CH4-X2004A", "WMO-CO-X2014A") for one in scene.tank_texts.values()
    ]
    tanks = Tanks.of(parse_tank(one, "tank.toml", now=now) for one in texts)
    made = scene.samples(DAY, DAY + 13 * HOUR)
    result = process_mole_fractions(raw_of(made), station, tanks)
    as_methane = replace(result, minutes={"CH4": result.minutes["CO"]}, hours={"CH4": result.hours["CO"]})
    errors = hourly_errors(as_methane, made, "CH4", DAY + 4 * HOUR, DAY + 11 * HOUR)
    assert len(errors) == 14
    assert np.abs(errors[:, 0]).max() < 1.0
    assert result.hours["CO"].scale == "WMO-CO-X2014A"


def test_spikes_of_a_passing_car_are_found_by_both_methods() -> None:
    moment = DAY + 30 * HOUR + 2700 * NS
    fault = Fault("spike", moment - 120 * NS, moment + 120 * NS, 25.0, 2)
    scene = SimulatedAnalyser(seed=15, faults=(fault,))
    part = scene.station.mole_fraction
    assert part is not None
    raw = raw_of(scene.samples(DAY, DAY + 37 * HOUR))
    for method in ("sd", "rebs"):
        spikes = part.spikes.model_copy(update={"method": method})
        station = scene.station.model_copy(update={"mole_fraction": part.model_copy(update={"spikes": spikes})})
        minutes = process_mole_fractions(raw, station, scene.tanks).minutes["CO2"]
        marked = minutes.time_ns[minutes.flag == 3]
        assert len(marked)
        assert {int(time) for time in marked} <= {*range(moment - 180 * NS, moment + 180 * NS, 60 * NS)}


def test_rules_flag_what_ice_and_a_clogged_filter_do() -> None:
    ice = Fault("icing", DAY + 5 * HOUR, DAY + 9 * HOUR)
    result, _ = process(SimulatedAnalyser(seed=16, faults=(ice,)), 13)
    hours = result.hours["CO2"].between(DAY + 8 * HOUR, DAY + 9 * HOUR)
    assert [int(flag) for flag in hours.flag] == [4, 4]
    assert hours.reasons(0)[0].startswith("instrument: outside a limit of the rule table")
    clog = Fault("clogging", DAY, DAY + 26 * HOUR, 0.8, 1)
    result, _ = process(SimulatedAnalyser(seed=16, faults=(clog,)), 26)
    hours = result.hours["CO2"].between(DAY + 22 * HOUR, DAY + 23 * HOUR)
    assert [int(flag) for flag in hours.flag] == [4, 1]


def test_the_simulator_is_the_same_in_pieces() -> None:
    scene = replace(SimulatedAnalyser(seed=3), humidity=2.0)
    whole = scene.samples(at("2026-01-10"), at("2026-01-12"))
    piece = scene.samples(at("2026-01-11T05:00:00"), at("2026-01-11T06:00:00"))
    low = int(np.searchsorted(whole.time_ns, piece.time_ns[0]))
    np.testing.assert_array_equal(whole.values[low : low + 720], piece.values)
    assert len([*scene.readings(at("2026-01-11T05:00:00"), at("2026-01-11T05:01:00"))]) == 12
