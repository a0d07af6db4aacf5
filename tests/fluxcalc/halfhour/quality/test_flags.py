"""Quality classes: the published table, and words for what is not the best."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxcalc.halfhour.quality.flags import foken_class, goeckede_class
from fluxcalc.halfhour.steps import process
from tests.fluxcalc.reference import station
from tests.fluxcalc.samples import START, samples, turbulence

classes = st.integers(1, 9)


@pytest.mark.parametrize(
    ("steady", "developed", "overall"),
    [
        (1, 1, 1), (1, 2, 1), (2, 1, 2), (2, 2, 2), (1, 3, 3), (2, 4, 3), (3, 1, 4), (4, 2, 4), (3, 3, 5), (4, 5, 5),
        (1, 5, 5), (5, 1, 6), (5, 5, 6), (6, 1, 7), (1, 6, 7), (6, 6, 7), (7, 1, 8), (1, 8, 8), (8, 8, 8), (9, 1, 9),
        (1, 9, 9), (9, 9, 9),
    ],
)  # fmt: skip
def test_the_table_of_foken(steady, developed, overall):
    assert foken_class(steady, developed) == overall


@given(classes, classes, classes, classes)
def test_worse_tests_never_give_a_better_class(steady, developed, steadier, more_developed):
    for combine in (foken_class, goeckede_class):
        best = combine(min(steady, steadier), min(developed, more_developed))
        assert best <= combine(steady, developed)


def test_goeckede_goes_from_one_to_five():
    assert {goeckede_class(steady, developed) for steady in range(1, 10) for developed in range(1, 10)} == {
        1,
        2,
        3,
        4,
        5,
    }


@pytest.mark.parametrize(("quality", "words"), [("foken_2004", "of 9"), ("goeckede_2006", "of 5")])
def test_a_class_below_the_best_is_explained(quality, words):
    channels = turbulence(6)
    ramp = np.linspace(-1, 1, len(channels["Uz"]))
    channels["h2o"] = channels["h2o"] - 0.6 * ramp
    channels["Uz"] = channels["Uz"] + 0.3 * ramp
    record = process(samples(channels), station("synthetic", rotation="none", lag="none", quality=quality), START)
    reason = record.reasons["LE_SSITC_TEST"]
    assert f"class {record.diagnostics['class_le']:.0f} {words}" in reason
    assert "not stationary" in reason
    assert record.values["LE_SSITC_TEST"] == 2
    assert record.diagnostics["class_le"] > 1


def test_heat_without_vapour_keeps_its_words():
    channels = turbulence() | {"h2o": np.full(36000, np.nan)}
    record = process(samples(channels), station("synthetic", quality="foken_2004"), START)
    assert record.values["H_SSITC_TEST"] == 1
    assert "humidity" in record.reasons["H_SSITC_TEST"]
