"""The tables of `docs/science/quality.md` are those of the code."""

from __future__ import annotations

import math
from pathlib import Path

from benchmarks.qc_cases import KINDS
from core.variables import VARIABLES
from ingest.simulation.weather_faults import FAULTS
from qc.slow import checks
from qc.slow.defaults import DEFAULTS, Default, Pair
from qc.slow.finding import ACCURACY
from qc.slow.findings import NEEDED_DAYS
from qc.slow.rules import WORDS

PAGE = (Path(__file__).parents[3] / "docs" / "science" / "quality.md").read_text(encoding="utf-8")


def number(value: float) -> str:
    return "" if math.isnan(value) or math.isinf(value) else f"{value:.6g}"


def pair(values: Pair, by: str = ", ") -> str:
    shown = [number(value) for value in values]
    if not any(shown):
        return ""
    return shown[0] if shown[0] == shown[1] else by.join(shown).strip()


def row(name: str, default: Default) -> str:
    still = ""
    if not math.isnan(default.still):
        still = f"{number(default.still)} in {pair(default.minutes)} min"
        low, high = (number(value) for value in default.between)
        still += f", between {low} and {high}" if low and high else f", above {low}" if low else ""
        if default.windy > 0:
            still += f", in wind above {number(default.windy)} m/s"
    cells = [
        f"`{name}`",
        VARIABLES[name].unit,
        pair(default.bad, " to "),
        pair(default.suspect, " to "),
        pair(default.spike),
        number(default.noise[0]),
        pair(default.step),
        pair((60 * default.rate[0], 60 * default.rate[1])),
        still,
        number(ACCURACY.get(name, math.nan)),
    ]
    return "| " + " | ".join(cells) + " |"


def test_the_table_of_limits_is_that_of_the_code() -> None:
    assert [row(name, default) for name, default in DEFAULTS.items() if row(name, default) not in PAGE] == []


def test_every_default_is_one_of_a_known_variable_and_in_order() -> None:
    for name, default in DEFAULTS.items():
        assert name in VARIABLES
        for low, high in (default.bad, default.suspect, default.spike, default.step, default.rate, default.minutes):
            assert not low > high
        # what is suspect is not bad
        assert not default.suspect[0] < default.bad[0]
        assert not default.suspect[1] > default.bad[1]


def test_every_check_relation_and_kind_of_fault_is_on_the_page() -> None:
    named = (*checks.CHECKS, *NEEDED_DAYS, *FAULTS, *KINDS)
    assert [name for name in named if f"`{name}`" not in PAGE] == []
    assert [words for words in WORDS.values() if words not in PAGE.replace("\n", " ")] == []
