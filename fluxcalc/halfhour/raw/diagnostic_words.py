"""How to read the diagnostic words of sonics and analysers, by model.

A model is known by how its name begins; words of other models are not judged. Sources: Campbell Scientific, CSAT3
manual (table B-7), CSAT3B manual (table 8-5), IRGASON manual (tables 10-2, 10-3); Gill Instruments, HS-50 manual
1199-PS-0032 (section 7.1.3), R3-50 manual 1210-PS-0015 (section 14.2: a status is an address and data, and address 0
takes the place of the others while there is an error), WindObserver manual 1390-PS-0009 (section 10.5: codes 1, 2, 4,
8, 9; the WindMaster's others as a decoder of its messages at Arcetri observatory names them); LI-COR, LI-7500 manual
(page 3-36), "Interpreting diagnostic values" (LI-7200), LI-7700 manual (header of diagnostics).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.records import FloatArray


@dataclass(frozen=True, slots=True)
class Word:
    """How to read the diagnostic word of a model.

    Attributes
    ----------
    faults : mapping of int to str
        Bit (or code) -> what is wrong.
    good : int
        Value that such a bit has while all is well, 0 or 1.
    codes : bool
        The word is a number out of a list, not bits.
    addressed : bool
        The word is 256 times an address, and data; only those of address 0 speak of faults.
    """

    faults: Mapping[int, str]
    good: int = 0
    codes: bool = False
    addressed: bool = False


CAMPBELL_SONIC = {
    0: "low_amplitude",
    1: "high_amplitude",
    2: "poor_signal_lock",
    3: "speed_of_sound_differs",
    4: "acquiring_signals",
}
CAMPBELL_GAS = {
    1: "system_fault",
    2: "starting_up",
    3: "motor_speed",
    4: "detector_temperature",
    5: "source_power",
    6: "source_temperature",
    7: "source_current",
    8: "powered_off",
    9: "channels_out_of_step",
    10: "ambient_temperature",
    11: "ambient_pressure",
    12: "co2_signal",
    13: "co2_reference",
    14: "h2o_signal",
    15: "h2o_reference",
    16: "co2_noise",
    17: "h2o_noise",
    18: "co2_signal_low",
    19: "h2o_signal_low",
    20: "calibration_memory",
}
GILL_PAIR = Word(
    {0: "transducer_pair_1", 1: "transducer_pair_2", 2: "transducer_pair_3", 4: "settings_memory"}, addressed=True
)
SONIC_WORDS: Mapping[str, Word] = {
    "csat3b": Word({**CAMPBELL_SONIC, 6: "trigger_error", 8: "memory_error"}),
    "csat3a": Word({**CAMPBELL_SONIC, 5: "calibration_memory"}),
    "irgason": Word({**CAMPBELL_SONIC, 5: "calibration_memory"}),
    "csat3": Word({12: "low_amplitude", 13: "high_amplitude", 14: "poor_signal_lock", 15: "speed_of_sound_differs"}),
    "windmaster": Word(
        {
            1: "axis_1_failed",
            2: "axis_2_failed",
            3: "axis_3_failed",
            4: "axes_1_and_2_failed",
            5: "axes_1_and_3_failed",
            6: "axes_2_and_3_failed",
            7: "all_axes_failed",
            8: "settings_memory",
            9: "calibration_memory",
        },
        codes=True,
    ),
    "hs": GILL_PAIR,
    "r3": GILL_PAIR,
}
"""Beginning of the sonic's model, in lower case -> its word; of two that fit the first holds."""

LICOR_GAS = {4: "sync", 5: "phase_lock", 6: "detector", 7: "chopper"}
ANALYZER_WORDS: Mapping[str, Word] = {
    "li-7500": Word(LICOR_GAS, good=1),
    "li-7200": Word(
        {**LICOR_GAS, 8: "pressure_drop", 10: "inlet_temperature", 11: "outlet_temperature", 12: "head"}, good=1
    ),
    "li-7700": Word(
        {
            5: "calibrating",
            10: "block_temperature",
            11: "laser_temperature",
            12: "path_thermocouple",
            13: "reference_unlocked",
            14: "no_signal",
            15: "not_ready",
        }
    ),
    "irgason": Word(CAMPBELL_GAS),
    "ec150": Word(CAMPBELL_GAS),
    "ec155": Word({**CAMPBELL_GAS, 22: "pressure_drop"}),
}


def find_word(model: str, table: Mapping[str, Word]) -> Word | None:
    """Return how to read the words of a model; None if it is not known."""
    return next((word for name, word in table.items() if model.lower().startswith(name)), None)


def read_words(values: FloatArray, word: Word) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Find the samples that a diagnostic word calls bad.

    Parameters
    ----------
    values : ndarray, shape (n,), float64
        Words; NaN, and what is negative, is no word. [1]
    word : Word
        How to read them.

    Returns
    -------
    wrong : ndarray, shape (n,), bool
        Bad samples.
    faults : dict
        Fault -> samples with it.
    """
    known = (values >= 0) & (values < (256 if word.addressed else 2**32))
    words = np.where(known, values, 0).astype(np.int64)
    if word.codes:
        wrong = np.isin(words, list(word.faults)) & known
    else:
        mask = sum(1 << bit for bit in word.faults)
        wrong = ((words & mask) != mask * word.good) & known
    bad = words[wrong]
    counts = {
        fault: int(np.count_nonzero(bad == bit if word.codes else (bad >> bit & 1) != word.good))
        for bit, fault in word.faults.items()
    }
    return wrong, counts
