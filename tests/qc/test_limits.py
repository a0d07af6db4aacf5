"""Flags of readings."""

from __future__ import annotations

import numpy as np

from qc.codes import GOOD, MISSING, SUSPECT, UNKNOWN
from qc.limits import flag_limits


def test_limits_apply_in_the_declared_unit() -> None:
    values = np.array([[20.0, 293.15, 50.0], [61.0, 334.0, 106.0], [-81.0, np.nan, np.inf], [60.0, 193.2, 0.0]])
    flags = flag_limits(values, ("TA", "TA", "RH"), ("deg C", "K", "%"))
    assert flags.tolist() == [
        [GOOD, GOOD, GOOD],
        [SUSPECT, SUSPECT, SUSPECT],
        [SUSPECT, MISSING, MISSING],
        [GOOD, GOOD, GOOD],
    ]
    assert flags.dtype == np.int16


def test_what_is_not_known_any_more_is_not_judged_and_the_others_are() -> None:
    values = np.array([[20.0, 1.0, 61.0], [np.nan, np.nan, 5.0]])
    flags = flag_limits(values, ("FORGOTTEN", "RH", "TA"), ("deg C", "kPa", "deg C"))
    assert flags.tolist() == [[UNKNOWN, UNKNOWN, SUSPECT], [MISSING, MISSING, GOOD]]
