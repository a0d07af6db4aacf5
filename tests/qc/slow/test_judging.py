"""Flags of readings: by the naive twin, as they arrive and over a period."""

from __future__ import annotations

import tomllib
from itertools import pairwise

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.station import ChannelQuality, Identity, Stream
from ingest.simulation.weather import UNITS, make_weather
from qc.codes import BAD, GOOD, MISSING, SUSPECT, UNKNOWN
from qc.slow import checks
from qc.slow import kernels as k
from qc.slow.climatology import learn_climatology
from qc.slow.judging import Judge, Judged, judge, reasons
from qc.slow.limits import StreamLimits, limits_of, stream_limits
from tests.qc.slow import naive

MINUTE = 60 * 10**9
SITE = Identity(id="x", name="x", latitude=30.0, longitude=120.0, altitude=300.0, utc_offset=8.0)
NOON = 1_718_942_400 * 10**9  # 2024-06-21 04:00 UTC, noon at 120 deg east


def limits(*channels: tuple[str, str], interval: int = MINUTE, **own: ChannelQuality) -> StreamLimits:
    rows = [(name, name, unit, own.get(name, ChannelQuality())) for name, unit in channels]
    return limits_of(rows, interval, SITE)


def column(values: list[float]) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64)[:, None]


def times(count: int, step: int = MINUTE) -> NDArray[np.int64]:
    return NOON + np.arange(count, dtype=np.int64) * step


def flags_of(values: list[float], name: str = "TA", unit: str = "deg C", **own: object) -> list[int]:
    quality = ChannelQuality.model_validate(own, strict=False)
    found = judge(times(len(values)), column(values), limits((name, unit), **{name: quality}), SITE)
    return [int(flag) for flag in found.flags[:, 0]]


def said(judged: Judged, by: StreamLimits) -> list[list[str]]:
    return [[text for texts in (one or {}).values() for text in texts] for one in reasons(judged, by)]


def test_range_is_that_of_the_variable_in_the_senders_unit() -> None:
    values = column([20.0, 285.0, np.nan, -81.0])
    by = limits(("TA", "deg C"), TA=ChannelQuality(off=("step", "rate", "spike")))
    found = judge(times(4), values, by, SITE)
    assert found.flags[:, 0].tolist() == [GOOD, BAD, MISSING, BAD]
    assert said(found, by) == [[], ["range: 285 deg C is above 60"], [], ["range: -81 deg C is below -80"]]
    kelvin = limits(("TA", "K"), TA=ChannelQuality(off=("step", "rate", "spike")))
    assert judge(times(4), values + 273.15, kelvin, SITE).flags.tolist() == found.flags.tolist()


def test_a_spike_is_told_when_the_next_reading_has_come() -> None:
    values = [20.0, 20.1, 24.5, 20.1, 20.0]
    by = limits(("TA", "deg C"), TA=ChannelQuality(off=("step", "rate")))
    one = Judge(by, SITE)
    one.add(times(2), column(values[:2]))
    first = one.add(times(3)[2:], column(values[2:3]))
    assert first.flags[:, 0].tolist() == [GOOD, GOOD]
    then = one.add(times(4)[3:], column(values[3:4]))
    assert then.times_ns.tolist() == times(4)[2:].tolist()
    assert then.flags[:, 0].tolist() == [SUSPECT, GOOD]  # 4.4 deg C, more than 3, less than 5
    assert said(then, by)[0][0].startswith("spike: 24.5 deg C is away from the readings before and after")


def test_a_return_from_a_spike_is_no_step_and_a_new_level_is_one() -> None:
    assert flags_of([20.0, 20.0, 26.0, 20.0, 20.0], off=("spike",)) == [GOOD, GOOD, BAD, GOOD, GOOD]
    assert flags_of([20.0, 20.0, 26.0, 26.0, 26.0], off=("spike",)) == [GOOD, GOOD, BAD, GOOD, GOOD]


def test_a_rate_counts_over_a_gap_and_a_step_does_not() -> None:
    by = limits(("TA", "deg C"))
    late = np.array([NOON, NOON + MINUTE, NOON + 6 * MINUTE])
    # 5 K a minute are suspect, 10 bad: 30 K in 5 minutes are 6 a minute, and there is no neighbour to be a step from
    found = judge(late, column([10.0, 10.0, 40.0]), by, SITE)
    assert said(found, by)[1:] == [[], ["rate: 40 deg C, a change of more than 5 deg C a minute"]]
    assert judge(late, column([10.0, 10.0, 34.0]), by, SITE).flags[:, 0].tolist() == [GOOD] * 3


def test_a_sensor_that_stands_still_is_suspect_after_an_hour_and_bad_after_four() -> None:
    flags = flags_of([20.0] * 300)
    assert flags[:60] == [GOOD] * 60
    assert flags[60:240] == [SUSPECT] * 180
    assert flags[240:] == [BAD] * 60


@pytest.mark.parametrize(
    ("name", "unit", "value", "flag"),
    [
        ("RH", "%", 99.0, GOOD),  # fog
        ("RH", "%", 60.0, SUSPECT),
        ("WS", "m s-1", 0.0, GOOD),  # calm
        ("SW_IN", "W m-2", 0.0, GOOD),  # night
        ("P", "mm", 0.0, GOOD),
        ("VPD", "hPa", 0.0, GOOD),
        ("TS", "deg C", 0.0, GOOD),  # under snow
    ],
)
def test_what_may_stand_still(name: str, unit: str, value: float, flag: int) -> None:
    by = limits((name, unit), **{name: ChannelQuality(off=("consistency",))})
    assert judge(times(100), column([value] * 100), by, SITE).flags[-1, 0] == flag


def test_a_vane_that_stands_still_is_told_only_in_wind() -> None:
    by = limits(("WD", "deg"), ("WS", "m s-1"))
    wind = np.random.default_rng(1).normal(4.0, 0.5, 100)
    vane = np.full(100, 359.0)
    vane[::2] = 3.0  # 4 degrees apart, across north
    found = judge(times(100), np.column_stack([vane, wind]), by, SITE)
    assert found.flags[-1, 0] == SUSPECT
    assert judge(times(100), np.column_stack([vane, wind - 3.0]), by, SITE).flags[-1, 0] == GOOD
    alone = limits(("WD", "deg"))
    assert judge(times(100), vane[:, None], alone, SITE).flags[-1, 0] == GOOD


def consistent(channels: dict[str, tuple[str, float]]) -> dict[str, str]:
    by = limits(*((name, unit) for name, (unit, _) in channels.items()))
    found = judge(times(1), np.array([[value for _, value in channels.values()]]), by, SITE)
    flags = dict(zip(channels, found.flags[0], strict=True))
    texts = reasons(found, by)[0] or {}
    return {name: texts[name][0].partition(": ")[0] for name, flag in flags.items() if flag > GOOD}


def net(sum_of_all: float) -> list[tuple[str, float]]:
    return [("W m-2", value) for value in (sum_of_all, 500.0, 100.0, 300.0, 400.0)]


@pytest.mark.parametrize(
    ("channels", "accused"),
    [
        ({"T_DEW": ("deg C", 21.0), "TA": ("deg C", 20.0)}, {"T_DEW", "TA"}),
        ({"T_DEW": ("deg C", 20.2), "TA": ("deg C", 20.0)}, set()),
        ({"WS_MAX": ("km h-1", 18.0), "WS": ("m s-1", 6.0)}, {"WS_MAX", "WS"}),  # 5 m/s below 6
        ({"WS_MAX": ("m s-1", 8.0), "WS": ("m s-1", 6.0)}, set()),
        ({"PPFD_IN": ("umol m-2 s-1", 1500.0), "SW_IN": ("W m-2", 400.0)}, {"PPFD_IN", "SW_IN"}),
        ({"PPFD_IN": ("umol m-2 s-1", 820.0), "SW_IN": ("W m-2", 400.0)}, set()),
        ({"SW_IN": ("W m-2", 1590.0)}, {"SW_IN"}),  # potential 1310 W m-2 at this hour
        ({"SW_IN": ("W m-2", 1300.0)}, set()),
        ({"SW_IN": ("W m-2", 5.0)}, {"SW_IN"}),  # at noon
        ({"SW_OUT": ("W m-2", 700.0), "SW_IN": ("W m-2", 300.0)}, {"SW_OUT", "SW_IN"}),
        # 23.4 hPa at 20 deg C: half of it at 50 %
        ({"VPD": ("hPa", 11.7), "TA": ("deg C", 20.0), "RH": ("%", 50.0)}, set()),
        ({"VPD": ("hPa", 1.17), "TA": ("deg C", 20.0), "RH": ("%", 50.0)}, {"VPD", "TA", "RH"}),
        ({"VPD": ("kPa", 1.17), "TA": ("K", 293.15), "RH": ("fraction", 0.5)}, set()),
        ({"T_DEW": ("deg C", 9.3), "TA": ("deg C", 20.0), "RH": ("%", 50.0)}, set()),  # tables: 9.3 deg C
        ({"T_DEW": ("deg C", 14.0), "TA": ("deg C", 20.0), "RH": ("%", 50.0)}, {"T_DEW", "TA", "RH"}),
        ({"LW_IN": ("W m-2", 600.0), "TA": ("deg C", 20.0)}, {"LW_IN"}),  # a black body at 20 deg C: 419
        ({"LW_IN": ("W m-2", 330.0), "TA": ("deg C", 20.0)}, set()),
        ({"CO2": ("umol mol-1", 410.0), "SIGNAL_IRGA": ("%", 60.0)}, {"CO2"}),
        ({"CO2": ("umol mol-1", 410.0), "SIGNAL_IRGA": ("fraction", 0.95)}, set()),
        ({"CO2": ("umol mol-1", 410.0), "AGC_IRGA": ("%", 85.0)}, {"CO2"}),
        ({"CO2": ("umol mol-1", 410.0), "AGC_IRGA": ("%", 56.0)}, set()),
        # down 500 - 100, longwave 300 - 400: 300 W m-2 is their sum, and 500 is not
        (dict(zip(("NETRAD", "SW_IN", "SW_OUT", "LW_IN", "LW_OUT"), net(300.0), strict=True)), set()),
        (
            dict(zip(("NETRAD", "SW_IN", "SW_OUT", "LW_IN", "LW_OUT"), net(500.0), strict=True)),
            {"NETRAD", "SW_IN", "SW_OUT", "LW_IN", "LW_OUT"},
        ),
    ],
)
def test_channels_of_a_message_agree(channels: dict[str, tuple[str, float]], accused: set[str]) -> None:
    assert consistent(channels) == dict.fromkeys(accused, "consistency")


def test_means_of_a_day_are_not_compared_with_the_sun() -> None:
    """At their beginning, middle and end it may be night."""
    by = limits(("SW_IN", "W m-2"), interval=24 * 60 * MINUTE)
    assert judge(times(1) + 12 * 60 * MINUTE, column([250.0]), by, SITE).flags.tolist() == [[GOOD]]


def test_what_is_impossible_by_itself_accuses_no_other_channel() -> None:
    found = consistent({"VPD": ("hPa", 11.7), "TA": ("deg C", 285.0), "RH": ("%", 50.0)})
    assert found == {"TA": "range"}


def test_channels_at_the_same_place_belong_together() -> None:
    channels = [("T_DEW_1_2_1", "deg C"), ("TA_1_1_1", "deg C"), ("TA_1_2_1", "deg C")]
    by = limits(*channels)
    found = judge(times(1), np.array([[15.0, 10.0, 20.0]]), by, SITE)
    assert found.flags.tolist() == [[GOOD, GOOD, GOOD]]
    assert judge(times(1), np.array([[15.0, 20.0, 10.0]]), by, SITE).flags.tolist() == [[BAD, GOOD, BAD]]


def test_what_is_not_known_any_more_is_not_judged_and_the_others_are() -> None:
    by = limits(("FORGOTTEN", "deg C"), ("RH", "kPa"), ("TA", "deg C"))
    found = judge(times(2), np.array([[20.0, 1.0, 61.0], [np.nan, np.nan, np.inf]]), by, SITE)
    assert found.flags.tolist() == [[UNKNOWN, UNKNOWN, BAD], [MISSING, MISSING, MISSING]]


def test_a_check_can_be_off_and_a_limit_of_ones_own() -> None:
    assert flags_of([20.0, 30.0, 20.0], off=("spike", "step", "rate")) == [GOOD] * 3
    assert flags_of([20.0, 31.0], range=(-10.0, 30.0), off=("step", "rate")) == [GOOD, BAD]
    assert flags_of([20.0, 20.7], step=(0.5, 1.0)) == [GOOD, SUSPECT]


def test_times_must_ascend_and_shapes_fit() -> None:
    by = limits(("TA", "deg C"))
    with pytest.raises(ValueError, match="ascend"):
        judge(times(2)[::-1], column([1.0, 2.0]), by, SITE)
    with pytest.raises(ValueError, match="shape"):
        judge(times(2), np.zeros((2, 2)), by, SITE)


def test_the_station_file_says_what_a_stream_is_judged_by() -> None:
    text = """
        name = "met"
        kind = "reading"
        interval = 600
        channels = [
            { name = "t", variable = "TA", unit = "K", qc = { range = [250, 310], persistence_minutes = [90, 120] } },
            { name = "p", variable = "PA", unit = "hPa", qc = { off = ["step"] } },
        ]
        """
    stream = Stream.model_validate_json(orjson.dumps(tomllib.loads(text)))
    by = stream_limits(stream, SITE)
    temperature, pressure = by.table
    assert temperature[[k.BAD_LOW, k.BAD_HIGH, k.STEP_SUSPECT]] == pytest.approx([250, 310, 3 * 10**0.5])
    assert temperature[[k.STILL_SUSPECT_NS, k.STILL_BAD_NS]].tolist() == [90 * MINUTE, 120 * MINUTE]
    assert np.isnan(pressure[k.STEP_SUSPECT])
    assert pressure[[k.SPIKE_SUSPECT, k.TOLERANCE]] == pytest.approx([0.5 * 10**0.5, 0.1])  # hPa
    assert (by.interval_ns, by.look_back_ns) == (10 * MINUTE, 360 * MINUTE)  # of the pressure: 36 readings


def test_limits_by_month_and_hour_are_learnt_and_used_where_they_are_wanted() -> None:
    days, hours = np.meshgrid(np.arange(-20, 40), np.arange(24), indexing="ij")
    learnt_from = (NOON + (days * 24 + hours) * 60 * MINUTE).ravel()
    # 20 deg C at noon of June and July, 10 at midnight, two kelvins either way
    usual = 15 + 5 * np.cos((hours.ravel()) * 2 * np.pi / 24)
    past = (usual + 2 * (-1.0) ** days.ravel())[:, None].repeat(2, axis=1)
    by = limits(("TA", "deg C"), ("TA_2", "deg C"), interval=60 * MINUTE, TA=ChannelQuality(climatology=True))
    by = by.with_climatology(learn_climatology(learnt_from, past, 8.0))
    midnight = NOON + 12 * 60 * MINUTE
    when = np.array([NOON, midnight, NOON + 180 * 24 * 60 * MINUTE])
    found = judge(when, np.array([[25.0, 25.0], [25.0, 25.0], [25.0, 25.0]]), by, SITE)
    # at noon 17.8 to 22 with the hours beside, widened by half of that on either side; of December nothing is known
    assert found.flags.tolist() == [[SUSPECT, GOOD], [SUSPECT, GOOD], [GOOD, GOOD]]
    assert judge(when[:1], np.array([[23.5, 23.5]]), by, SITE).flags.tolist() == [[GOOD, GOOD]]
    assert reasons(found, by)[0] == {
        "TA": ["climatology: 25 deg C is outside what this station had in this month at this hour"]
    }


CHANNELS = (("TA", "deg F"), ("RH", "%"), ("WD", "deg"), ("WS", "kt"), ("PA", "hPa"))
STILL = dict.fromkeys(
    (name for name, _ in CHANNELS), ChannelQuality(persistence_minutes=(6.0, 15.0), spike_noise=(0.5, 3.0))
)


@st.composite
def series(draw: st.DrawFn) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Readings with gaps, repeats, jumps, values that are missing and others that stay."""
    seed = draw(st.integers(0, 2**32 - 1))
    count = draw(st.integers(2, 90))
    random = np.random.default_rng(seed)
    gaps = np.where(random.random(count) < 0.1, random.integers(1, 9, count), 1) * MINUTE
    base = np.array([60.0, 70.0, 180.0, 10.0, 980.0])
    sizes = base + random.normal(0, 1, (count, 5)).cumsum(0) * np.array([0.5, 2, 30, 2, 0.2])
    stays = random.random((count, 5)) < 0.6
    for i in range(1, count):
        sizes[i, stays[i]] = sizes[i - 1, stays[i]]
    sizes += np.where(random.random((count, 5)) < 0.05, random.normal(0, 40, (count, 5)), 0.0)
    sizes[random.random((count, 5)) < 0.08] = np.nan
    sizes[:, 2] %= 360
    return NOON + gaps.cumsum(), sizes


@given(series())
@settings(deadline=None)
def test_the_kernel_is_the_naive_twin(made: tuple[NDArray[np.int64], NDArray[np.float64]]) -> None:
    by = limits(*CHANNELS, **STILL)
    found = judge(*made, by, SITE)
    clock = (by.interval_ns, by.max_gap_ns, by.look_back_ns, by.noise_ns)
    assert found.checks.tolist() == naive.masks(made[0].tolist(), made[1].tolist(), by.table.tolist(), *clock)


@given(series(), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_as_they_arrive_is_as_over_the_period(made: tuple[NDArray[np.int64], NDArray[np.float64]], seed: int) -> None:
    """Cut at random, some late, some twice with another value at first: the last word is that of the whole period."""
    by = limits(*CHANNELS, **STILL)
    when, values = made
    random = np.random.default_rng(seed)
    order = np.argsort(when + random.integers(0, 6, when.size) * MINUTE * (random.random(when.size) < 0.2))
    again = order[random.random(order.size) < 0.1]
    one = Judge(by, SITE, late_ns=24 * 60 * MINUTE)
    known: dict[int, tuple[list[int], list[int]]] = {}
    wrong = values + random.normal(0, 5, values.shape)
    cuts = np.sort(random.integers(0, order.size, random.integers(0, 12)))
    for part in np.split(order, cuts):
        mistaken = np.isin(part, again)
        rows = np.where(mistaken[:, None], wrong[part], values[part])
        note(known, one.add(when[part], rows))
    note(known, one.add(when[again], values[again]))
    found = judge(when, values, by, SITE)
    expected = {int(t): (f.tolist(), c.tolist()) for t, f, c in zip(when, found.flags, found.checks, strict=True)}
    assert known == expected


def note(known: dict[int, tuple[list[int], list[int]]], judged: Judged) -> None:
    for time, flags, masks in zip(judged.times_ns, judged.flags, judged.checks, strict=True):
        known[int(time)] = (flags.tolist(), masks.tolist())


def test_only_what_is_looked_back_to_is_kept_and_older_readings_are_refused() -> None:
    by = limits(*CHANNELS)
    random = np.random.default_rng(3)
    values = np.array([60.0, 70.0, 180.0, 10.0, 980.0]) + random.normal(0, 0.3, (2000, 5))
    values[900:1600, 0] = 61.0
    when = times(2000)
    one, known = Judge(by, SITE), {}
    for i in range(2000):
        note(known, one.add(when[i : i + 1], values[i : i + 1]))
    found = judge(when, values, by, SITE)
    assert [known[int(t)][1] for t in when] == found.checks.tolist()
    assert one.reaches(int(when[-1]) + 1)
    assert one.reaches(int(when[-1]))
    assert not one.reaches(int(when[-2]))
    with pytest.raises(ValueError, match="older than what is kept"):
        one.add(when[:1], values[:1])


def test_a_judge_goes_on_from_what_the_store_has() -> None:
    by = limits(*CHANNELS)
    values = np.array([60.0, 70.0, 180.0, 10.0, 980.0]) + np.random.default_rng(4).normal(0, 0.3, (700, 5))
    values[100:, 0] = 61.0
    when = times(700)
    begin = int(when[598]) - by.look_back_ns
    first = int(np.searchsorted(when, begin))
    one = Judge(by, SITE, when[first:600], values[first:600], since_ns=begin)
    found = one.add(when[600:], values[600:])
    whole = judge(when, values, by, SITE)
    assert found.times_ns[0] == when[599]
    assert found.checks.tolist() == whole.checks[599:].tolist()
    assert np.array_equal(found.flags, whole.flags[599:])


def test_a_whole_station_with_faults_rules_and_learnt_limits_is_judged_alike_as_it_arrives() -> None:
    weather = make_weather("subtropical", 5, NOON - 40 * 24 * 60 * MINUTE, 43, 600)
    learnt_from = slice(0, 40 * 144)
    table = np.column_stack([weather.values[name] for name in UNITS])
    channels = [(name, name, unit, ChannelQuality(climatology=True)) for name, unit in UNITS.items()]
    by = limits_of(channels, 10 * MINUTE, weather.site)
    by = by.with_climatology(learn_climatology(weather.times_ns[learnt_from], table[learnt_from], 8.0))
    random = np.random.default_rng(8)
    when, values = weather.times_ns[40 * 144 :], table[40 * 144 :].copy()
    wrong = random.random(values.shape) < 0.01
    values[wrong] += random.normal(0, 20, wrong.sum())
    values[random.random(values.shape) < 0.02] = np.nan
    values[100:160, :4] = values[100, :4]
    whole = judge(when, values, by, weather.site)
    assert {name for mask in np.unique(whole.checks) for name in checks.checks_of(int(mask))} == {*checks.CHECKS}
    one, known = Judge(by, weather.site), {}
    texts: dict[int, dict[str, list[str]] | None] = {}
    for begin, end in pairwise([0, *np.sort(random.integers(1, when.size, 60)).tolist(), when.size]):
        judged = one.add(when[begin:end], values[begin:end])
        note(known, judged)
        texts |= dict(zip(judged.times_ns.tolist(), reasons(judged, by), strict=True))
    assert [known[int(t)] for t in when] == list(zip(whole.flags.tolist(), whole.checks.tolist(), strict=True))
    assert [texts[int(t)] for t in when] == reasons(whole, by)


def test_masks_name_their_checks() -> None:
    assert checks.checks_of(0) == {}
    assert checks.checks_of(1 << k.SPIKE | 1 << k.NET | 1 << k.NET + 16) == {
        "spike": False,
        "consistency": True,
    }
