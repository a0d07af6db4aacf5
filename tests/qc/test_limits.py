"""Flags of readings."""

from __future__ import annotations

import numpy as np

from qc.limits import GOOD, MISSING, SUSPECT, flag_limits


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
