"""Quality classes of recorded and synthetic half-hours against EddyPro 6.2.1. Run with ``-s`` to see the tables."""

from __future__ import annotations

from collections import Counter

import pytest

from core.records import FluxRecord
from fluxcalc.halfhour.quality.flags import CLASS_LIMITS, QUALITY_TESTS
from tests.fluxcalc.halfhour.quality.test_golden_footprint import alpine, orchard, synthetic
from tests.fluxcalc.halfhour.test_golden_halfhour import FLAGS, VARIANTS_FROM
from tests.fluxcalc.reference import HALFHOUR, needs_halfhour, read_results

pytestmark = [needs_halfhour, pytest.mark.figures]

ALPINE_FROM = 31
"""The variants of the alpine set begin with this half-hour."""


def results(case: str, variant: str) -> list[dict[str, float]]:
    return read_results(HALFHOUR / case / f"{variant}.csv")


def parts(record: FluxRecord, flux: str) -> tuple[int, int]:
    """Return the classes of stationarity and of developed turbulence, from the noted deviations."""
    noted, test = record.diagnostics, QUALITY_TESTS[flux]
    deviations = noted[f"stationarity_{test.stationarity}"], max(noted[f"integral_{part}"] for part in test.integral)
    steady, developed = (1 + sum(value > limit for limit in CLASS_LIMITS) for value in deviations)
    return steady, developed


@pytest.mark.parametrize(
    ("run", "case", "variant", "numbers"),
    [
        (synthetic, "synth20hz", "foken19", range(VARIANTS_FROM, VARIANTS_FROM + 16)),
        (alpine, "finse10hz", "foken19", range(ALPINE_FROM, ALPINE_FROM + 24)),
        (orchard, "fluxpart20hz", "adv_foken", range(2)),
    ],
    ids=["synthetic", "alpine", "orchard"],
)
def test_foken_classes(run, case, variant, numbers):
    """Equal, except in the third class, which that program passes over: it gives 5 where the table says 3."""
    seen = Counter()
    for number, reference in zip(numbers, results(case, variant), strict=True):
        record = run(number, quality="foken_2004")
        for flux, column in FLAGS.items():
            steady, developed = parts(record, flux)
            ours, theirs = record.diagnostics[f"class_{flux.lower()}"], reference[column]
            seen[steady, developed, ours, theirs] += 1
            assert ours == (3 if steady <= 2 and 3 <= developed <= 4 else theirs)
            assert (f"{flux}_SSITC_TEST" in record.reasons) == (ours > 1)
    for (steady, developed, ours, theirs), count in sorted(seen.items()):
        print(
            f"stationarity {steady}, turbulence {developed}: class {ours:.0f}, that program {theirs:.0f}, {count} times"
        )


def test_goeckede_classes():
    for number, reference in enumerate(results("synth20hz", "goeckede"), start=VARIANTS_FROM):
        record = synthetic(number, quality="goeckede_2006")
        ours = [record.diagnostics[f"class_{flux.lower()}"] for flux in FLAGS]
        print(f"{record.start:%H:%M}", *(f"{value:.0f}" for value in ours))
        assert ours == [reference[column] for column in FLAGS.values()]


def test_the_flags_do_not_depend_on_the_classes():
    flags = [
        {name: value for name, value in alpine(40, quality=quality).values.items() if name.endswith("_SSITC_TEST")}
        for quality in ("mauder_foken_2004", "foken_2004", "goeckede_2006")
    ]
    assert flags[0] == flags[1] == flags[2]
