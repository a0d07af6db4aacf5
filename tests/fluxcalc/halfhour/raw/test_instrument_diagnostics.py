"""Diagnostic words, against the examples and tables of the makers' manuals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.records import FloatArray, FluxRecord
from core.station import Station, parse_station
from fluxcalc.halfhour.raw.diagnostic_words import ANALYZER_WORDS, SONIC_WORDS, find_word, read_words
from fluxcalc.halfhour.steps import process
from tests.fluxcalc.reference import STATIONS
from tests.fluxcalc.samples import START, samples, turbulence

TEXT = (STATIONS / "synthetic.toml").read_text()


def faults(model: str, word: float) -> list[str]:
    known = find_word(model, SONIC_WORDS) or find_word(model, ANALYZER_WORDS)
    assert known is not None
    wrong, counts = read_words(np.array([word]), known)
    found = [fault for fault, count in counts.items() if count]
    assert wrong[0] == bool(found)
    return found


@pytest.mark.parametrize(
    ("model", "word", "expected"),
    [
        ("CSAT3", 63, []),  # the counter at its end
        ("CSAT3", 0b0000_1111_1111_1111, []),  # ranges are no faults
        ("CSAT3", 1 << 14, ["poor_signal_lock"]),
        (
            "CSAT3",
            61440,
            ["low_amplitude", "high_amplitude", "poor_signal_lock", "speed_of_sound_differs"],
        ),  # no trigger
        ("CSAT3", 61503, ["low_amplitude", "high_amplitude", "poor_signal_lock", "speed_of_sound_differs"]),  # no data
        ("CSAT3B", 0, []),
        ("CSAT3B", 128, []),  # damp inside: a warning
        ("CSAT3B", 16 + 1, ["low_amplitude", "acquiring_signals"]),
        ("IRGASON", 32, ["calibration_memory"]),
        ("WindMaster Pro", 0, []),
        ("WindMaster Pro", 50, []),  # marginal gain: results are good
        ("WindMaster Pro", 2, ["axis_2_failed"]),
        ("WindMaster Pro", 4, ["axes_1_and_2_failed"]),
        ("WindMaster Pro", 10, []),  # gain at its maximum: marginal, but results are good
        ("HS-50", 0x0001, ["transducer_pair_1"]),  # the maker's example, 00,01: axis 1
        ("R3-50", 0x0007, ["transducer_pair_1", "transducer_pair_2", "transducer_pair_3"]),  # 00,07: all three
        ("R3-100", 0x0010, ["settings_memory"]),
        ("R3-50", 0x0020, []),  # the PRT is nothing of ours
        ("R3-50", 0x0232, []),  # the maker's example, 02,32: how the output is set
        ("HS-50", 0x0407, []),  # the history of errors
        ("LI-7500", 125, ["chopper"]),  # the manual's example: chopper not ok, AGC 81 %
        ("LI-7500A", 254, []),  # the maker's example: AGC 93 %
        ("LI-7500", 240 - 16, ["sync"]),
        ("LI-7200", 8191, []),  # all bits are good
        ("LI-7200RS", 8191 - 512, []),  # the auxiliary input is nothing of ours
        ("LI-7200", 8191 - 1024, ["inlet_temperature"]),
        ("LI-7700", 1 + 256 + 512 + 128 + 64, []),  # LI-7550, pump, mirror and heaters at work
        ("LI-7700", 32768 + 16384, ["no_signal", "not_ready"]),
        ("LI-7700", 32, ["calibrating"]),
        ("EC150", 1 + 256, ["powered_off"]),
    ],
)
def test_words_of_the_manuals(model, word, expected):
    assert faults(model, word) == expected


def test_a_word_that_is_not_there_accuses_nobody():
    assert faults("LI-7500", math.nan) == []
    assert faults("LI-7500", -9999.0) == []
    assert find_word("USA-1", SONIC_WORDS) is None


def with_words(extra: str = "") -> Station:
    channels = """    { name = "diag_csat", variable = "DIAG_SONIC", unit = "1" },
    { name = "diag_irga", variable = "DIAG_IRGA", unit = "1" },
    { name = "strength", variable = "SIGNAL_IRGA", unit = "%" },
    { name = "agc", variable = "AGC_IRGA", unit = "%" },
]
"""
    place = TEXT.rindex("]\n\n[flux]")
    return parse_station(TEXT[:place] + channels + TEXT[place + 2 :] + extra, "words.toml")


def run(extra: str = "", **channels: FloatArray) -> FluxRecord:
    return process(samples(turbulence() | channels), with_words(extra), START)


def words(good: float, bad: float, count: int) -> FloatArray:
    values = np.full(36000, good)
    values[5000 : 5000 + count] = bad
    return values


def test_bad_samples_become_missing_and_are_counted():
    record = run(diag_csat=words(7, 16384 + 8192, 90), diag_irga=words(249, 121, 700))
    noted = record.diagnostics
    assert (noted["bad_sonic"], noted["sonic_poor_signal_lock"], noted["sonic_high_amplitude"]) == (90, 90, 90)
    assert (noted["bad_irga_1"], noted["irga_1_chopper"]) == (700, 700)
    assert "irga_1_detector" not in noted
    assert noted["valid_wind"] == 36000 - 90
    assert noted["valid_co2"] <= 36000 - 700
    assert not math.isnan(record.values["FC"])


def test_too_many_bad_samples_say_who_called_them_bad():
    record = run(diag_irga=words(249, 121, 9000))
    assert math.isnan(record.values["FC"])
    assert not math.isnan(record.values["TAU"])
    assert record.reasons["FC"].endswith("25.0 % called bad by the LI-7500 (chopper)")
    record = run(diag_csat=np.full(36000, 61440.0))
    assert "called bad by the CSAT3 (low amplitude, high amplitude" in record.reasons["TAU"]


def test_good_words_change_nothing():
    plain, told = run(), run(diag_csat=words(7, 63, 90), diag_irga=words(249, 255, 700))
    assert plain.values == pytest.approx(told.values, nan_ok=True, abs=0)
    assert (told.diagnostics["bad_sonic"], told.diagnostics["bad_irga_1"]) == (0, 0)
    assert "bad_sonic" not in plain.diagnostics


def test_a_status_in_two_fields_is_one_word():
    """A Gill sends settings, address 1 to 6, in turn; while a transducer fails, address 0 with its bit."""
    n = 36000
    address = 1.0 + np.arange(n) % 6
    data = np.full(n, 7.0)
    address[700:760] = 0.0
    data[700:760] = 2.0
    address[800], data[801] = np.nan, np.nan
    text = TEXT.replace('model = "CSAT3"', 'model = "HS-50"')
    place = text.rindex("]\n\n[flux]")
    channels = """    { name = "a", variable = "DIAG_SONIC_ADDRESS", unit = "1" },
    { name = "d", variable = "DIAG_SONIC", unit = "1" },
"""
    both = parse_station(text[:place] + channels + text[place:], "gill.toml")
    noted = process(samples(turbulence() | {"a": address, "d": data}), both, START).diagnostics
    assert (noted["bad_sonic"], noted["sonic_transducer_pair_2"]) == (60, 60)
    assert "sonic_transducer_pair_1" not in noted
    combined = parse_station(text[:place] + channels.splitlines(keepends=True)[1] + text[place:], "gill.toml")
    one = process(samples(turbulence() | {"d": 256 * address + data}), combined, START).diagnostics
    assert (one["bad_sonic"], one["valid_wind"]) == (60, noted["valid_wind"])


def test_signal_strength_is_noted_and_counts_where_the_station_says_so():
    strength, agc = words(95, 40, 600), words(50, 98, 500)
    noted = run(strength=strength, agc=agc).diagnostics
    assert noted["irga_1_signal"] == pytest.approx((0.95 * 35400 + 0.40 * 600) / 36000)
    assert noted["irga_1_agc"] == pytest.approx((0.50 * 35500 + 0.98 * 500) / 36000)
    assert "bad_irga_1" not in noted
    limits = "[flux.options]\nleast_signal = 70.0\nmost_agc = 90.0\n"
    noted = run(limits, strength=strength, agc=agc).diagnostics
    assert (noted["bad_irga_1"], noted["irga_1_weak_signal"], noted["irga_1_high_gain"]) == (600, 600, 500)
