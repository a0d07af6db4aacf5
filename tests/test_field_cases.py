"""The map of the cases from the field: which test has the right result of each.

A case is a folder of the reference data (``cases/raw``, ``cases/season``): a file or messages after a public report,
and the right result. Tests make the same inputs from one undamaged file, or have them in ``season_cases.tar.xz``, so
that they run where the reference data are not.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.settings import ROOT

BATCH = "tests/fluxtower/batch"
RAW, TEXT = f"{BATCH}/test_field_cases_raw.py", f"{BATCH}/test_field_cases_text.py"
SEASON, HISTORY = f"{BATCH}/test_season_cases.py", f"{BATCH}/test_history_cases.py"

CASES: dict[str, list[tuple[str, str]]] = {
    "raw/00-base": [(RAW, "undamaged")],
    "raw/01-nul-tail": [(RAW, "tail of NUL")],
    "raw/01b-nul-tail-small": [(RAW, "short tail of NUL")],
    "raw/02-header-mid-reordered": [(RAW, "new header, columns in another order")],
    "raw/02c-two-files-reordered": [(RAW, "two files in another order")],
    "raw/02d-header-mid-more-columns": [(RAW, "new header, one column more")],
    "raw/03-header-mid-same": [(RAW, "files joined")],
    "raw/04-cp1252-units": [(TEXT, "cp1252")],
    "raw/05-bom": [(TEXT, "utf-8 with mark")],
    "raw/06-utf16": [(TEXT, "utf-16-le")],
    "raw/07-clock-back": [(RAW, "clock set back by ten minutes")],
    "raw/07c-two-parts-swapped": [(RAW, "newer half of a ring first")],
    "raw/08-clock-1990": [(RAW, "dead battery")],
    "raw/08b-clock-1990-30min": [(RAW, "dead battery, half-hours")],
    "raw/09-tob1-base": [(RAW, "TOB1")],
    "raw/09b-tob1-zero-tail": [(RAW, "TOB1, tail of zeros")],
    "raw/09c-tob1-zero-tail-fromto": [(RAW, "TOB1, tail of zeros, time asked for")],
    "raw/09e-tob1-zeros-mid": [(RAW, "TOB1, zeros amid")],
    "raw/10-tob1-cr5000-header": [(RAW, "TOB1 of a CR5000")],
    "raw/12-ghg-base": [(TEXT, "test_what_lies_beside_the_table_of_a_ghg")],
    "raw/12b-ghg-macos": [(TEXT, "__MACOSX/._a.data")],
    "raw/14-decimal-comma": [
        (TEXT, "decimal comma and semicolon"),
        (TEXT, "test_a_decimal_comma_that_is_not_declared_is_named"),
    ],
    "raw/15-offset-in-stamp": [(TEXT, "offset in the stamp")],
    "raw/16-array-hhmm": [(TEXT, "test_an_array_logger_leaves_out_zeros")],
    "raw/21b-stamps-no-fraction": [(RAW, "stamps without fractions")],
    "raw/24-duplicate-unused": [(TEXT, "twice the same name")],
    "raw/27b-24h": [(TEXT, "test_midnight_may_be_24_hours")],
    "raw/31-rate-20-for-10": [(RAW, "twice the rate")],
    "raw/31b-rate-5-for-10": [(RAW, "half the rate")],
    "raw/35-jitter-20ms": [(RAW, "jitter")],
    "raw/35b-jitter-half-step": [(RAW, "jitter half a step beside the grid")],
    "raw/35c-offset-half-step-steady": [(RAW, "half a step beside the grid")],
    "raw/35d-drift-200ppm": [(RAW, "test_a_clock_that_drifts_leaves_a_place_now_and_then")],
    "raw/40-mqtt": [("tests/api/test_messages_of_others.py", "test_each_is_stored_right_or_refused_with_what_to_do")],
    "raw/70-speed-of-sound": [(TEXT, "test_the_speed_of_sound_stands_for_the_temperature")],
    "raw/73-icos": [(TEXT, "test_a_blank_line_is_no_sample")],
    "raw/73c-icos-blank-line": [(TEXT, "test_a_blank_line_is_no_sample")],
    "raw/81-bz2": [(TEXT, "bzip2")],
    "raw/83-fahrenheit": [(TEXT, "test_another_unit_than_declared_is_refused_with_both")],
    "raw/85-time-format": [("tests/ingest/files/test_stamps.py", "%Y-%m-%d %H:%M:%S.%f")],
    "raw/90-history": [(HISTORY, "test_encodings_separators_and_midnight")],
    **{
        f"season/{name}": [(SEASON, name)]
        for name in (
            *("00-base", "01-eddypro-fluxnet-output", "03-eddypro-full-ch4", "05-flags-1-to-9", "06-eddypro-resaved"),
            *("08-stamps-of-the-middle", "09-vpd-in-kpa", "11-ta-in-kelvin", "12-missing-codes", "13-hourly"),
            *("14-tropics-no-temperature-range", "19-start-end-contradict", "25-ppfd-alone", "27-other-positions"),
            *("28-reddyproc-no-units", "29-nee-already-filled", "31-unknown-units", "32-line-numbers", "34-polar-day"),
            *("40-other-units-in-FLUXNET", "42-reddyproc-space-delimited", "43-base-NEE_PI-and-FC"),
            *("45-measured-column-empty", "47-two-tables-of-eddypro", "48-radiation-missing-at-night"),
            *("59-same-value-again-and-again", "60-year-without-nights"),
        )
    },
    "season/02-eddypro-fluxnet-ET-history": [
        (HISTORY, "test_water_of_eddypros_fluxnet_output_is_that_of_the_interval"),
    ],
    "season/62-provisional-season-halfway": [
        (
            "tests/fluxtower/test_season_after_history.py",
            "test_a_provisional_season_is_of_all_that_was_imported",
        ),
    ],
}
"""Case -> tests: the module, and the name of the test or of one of its parameters."""
for case, test in {
    "03-eddypro-full-ch4": "test_methane_of_the_full_output_is_taken",
    "05-flags-1-to-9": "test_flags_of_another_scale_are_mapped_or_refused",
    "08-stamps-of-the-middle": "test_stamps_of_the_middle_are_named_as_such",
    "12-missing-codes": "test_missing_codes_are_never_values",
    "47-two-tables-of-eddypro": "test_biomet_beside_the_full_output",
}.items():
    CASES[f"season/{case}"].append((HISTORY, test))


@pytest.mark.parametrize("case", CASES)
def test_the_test_of_a_case_is_there(case: str) -> None:
    for module, name in CASES[case]:
        found = rf"def {name}\(" if name.startswith("test_") else f'"{re.escape(name)}"'
        assert re.search(found, (ROOT / module).read_text()), f"{module} has no {name}"


def test_every_case_is_on_the_map(reference: Path) -> None:
    there = {f"{kind}/{one.name}" for kind in ("raw", "season") for one in (reference / "cases" / kind).iterdir()}
    assert there == set(CASES)
