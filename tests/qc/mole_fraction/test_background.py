"""Background air: each rule of NOAA's selection by itself, conditions, REBS, and what a package may add."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import numpy as np
import pytest

from core import extensions
from core.errors import ConfigError
from core.station.mole_fraction import BackgroundSelection
from ingest.simulation.analyser import SimulatedAnalyser
from qc.mole_fraction.background import (
    ALONE,
    EXCLUDED,
    KEPT,
    STEP,
    VARIABLE,
    Background,
    HourlyAir,
    by_conditions,
    by_noaa,
    by_rebs,
    check_background,
    select_background,
)

HOUR = 3600 * 10**9
HOW = BackgroundSelection()


def air(
    values: list[float], *, hours: list[int] | None = None, sd: list[float] | None = None, **weather: object
) -> HourlyAir:
    n = len(values)
    time = np.array(range(n) if hours is None else hours, np.int64) * HOUR
    columns = {"wind": np.full(n, 3.0), "direction": np.full(n, 100.0), **weather}
    return HourlyAir(time, np.array(values, float), np.full(n, 0.1) if sd is None else np.array(sd), **columns)  # type: ignore[arg-type]


def test_variable_hours_are_rejected() -> None:
    state = by_noaa(air([400.0] * 6, sd=[0.1, 0.29, 0.30, 0.5, np.nan, 0.1]), HOW).state
    assert state.tolist() == [KEPT, KEPT, VARIABLE, VARIABLE, VARIABLE, KEPT]


def test_both_hours_of_a_step_are_flagged_and_the_clean_side_is_restored() -> None:
    # 400 400 400 400 | 401 401: the step lies between hours 3 and 4; three clean hours are before 3, one is after 4
    assert by_noaa(air([400.0] * 4 + [401.0] * 2), HOW).state.tolist() == [KEPT] * 4 + [STEP, KEPT]
    # with three clean hours on both sides both are restored
    assert by_noaa(air([400.0] * 4 + [401.0] * 4), HOW).state.tolist() == [KEPT] * 8
    # a single high hour steps twice, and both its neighbours have three clean hours beyond
    assert by_noaa(air([400.0] * 4 + [402.0] + [400.0] * 4), HOW).state.tolist() == [KEPT] * 4 + [STEP] + [KEPT] * 4


def test_a_step_over_a_gap_may_be_larger() -> None:
    assert by_noaa(air([400.0, 400.7], hours=[0, 3]), HOW).state.tolist() == [KEPT, KEPT]
    assert by_noaa(air([400.0, 400.8], hours=[0, 3]), HOW).state.tolist() == [STEP, STEP]


def test_an_hour_alone_is_rejected() -> None:
    state = by_noaa(air([400.0] * 4, hours=[0, 8, 17, 40]), HOW).state
    assert state.tolist() == [KEPT, KEPT, ALONE, ALONE]


def test_wind_and_time_of_day() -> None:
    how = BackgroundSelection(wind_from=330, wind_to=60, min_wind=2, local_from=22, local_to=4)
    hours = air(
        [400.0] * 6,
        hours=[13, 14, 19, 20, 16, 17],
        wind=np.array([3, 3, 3, 3, 1, 3.0]),
        direction=np.array([0, 350, 59, 10, 0, 90.0]),
        utc_offset=8.0,
    )
    # local 21, 22, 3, 4, 0, 1 h
    expected = [EXCLUDED, KEPT, KEPT, EXCLUDED, EXCLUDED, EXCLUDED]
    assert by_conditions(hours, how).state.tolist() == expected
    assert by_conditions(air([np.nan]), HOW).state.tolist() == [EXCLUDED]
    unknown = air([400.0], wind=np.array([np.nan]), direction=np.array([np.nan]))
    assert by_conditions(unknown, BackgroundSelection(wind_from=0, wind_to=90, min_wind=2)).kept.all()


def test_rebs_keeps_the_baseline_and_leaves_out_what_lies_above() -> None:
    rng = np.random.default_rng(3)
    hours = np.arange(24 * 200)
    base = 400 + 3 * np.sin(2 * np.pi * hours / (24 * 365))
    polluted = rng.random(len(hours)) < 0.15
    values = base + rng.normal(0, 0.2, len(hours)) + polluted * rng.uniform(3, 20, len(hours))
    found = by_rebs(air(values.tolist()), HOW)
    assert found.kept[polluted].mean() < 0.02
    assert found.kept[~polluted].mean() > 0.98
    assert np.abs(found.baseline - base).mean() < 0.2


def test_the_station_file_chooses_and_a_package_may_add(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("fujian", f"{__name__}:{fujian.__name__}", "fluxtower.background")
    bad = EntryPoint("broken", f"{__name__}:HOUR", "fluxtower.background")
    monkeypatch.setattr(
        extensions, "find_extensions", lambda group: (point, bad) if group == "fluxtower.background" else ()
    )
    own = select_background(air([400.0, 500.0]), BackgroundSelection(method="fujian"))
    assert own.kept.tolist() == [True, False]
    assert select_background(air([400.0]), BackgroundSelection(method="conditions")).kept.all()
    station = SimulatedAnalyser().station
    check_background(station, "a.toml")
    part = station.mole_fraction
    assert part is not None
    for method, message in (("nao", "one of noaa, conditions, rebs"), ("broken", "to work")):
        chosen = part.model_copy(update={"background": BackgroundSelection(method=method)})
        with pytest.raises(ConfigError, match=message):
            check_background(station.model_copy(update={"mole_fraction": chosen}), "a.toml")


def fujian(hours: HourlyAir, how: BackgroundSelection) -> Background:
    return Background(np.where(hours.value < 450, KEPT, EXCLUDED).astype(np.int8))
