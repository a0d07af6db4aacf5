"""A sign or unit that changes within a season is told; harvest, spring and the onset of rains are not."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from core.progress import no_progress
from fluxcalc.season.checks.changes import find_ratios, tell_changes
from fluxcalc.season.clock import find_clock_shift, find_unseen_clock
from fluxcalc.season.cross_checks import cross_check
from fluxcalc.season.filtering import check_clock, complete_variables
from fluxcalc.season.grid import lay_grid
from fluxcalc.season.record import Season, SeasonMethods
from fluxcalc.season.steps import SEASON_STEPS
from fluxcalc.thermodynamics import saturation_pressure
from tests.fluxcalc.reference import needs_season
from tests.fluxcalc.season.test_steps import made_up
from tests.fluxcalc.season.ustar.test_moving_point import read_site

MAY = 120
"""Day of the year on which spring tables begin."""


def table(days: int, first_day: int, latitude: float = 51.0, seed: int = 0) -> pl.DataFrame:
    return made_up(first_day + days, latitude, seed)[first_day * 48 :]


def checked(frame: pl.DataFrame, latitude: float = 51.0, longitude: float = 15.0) -> Season:
    """Return a table up to its cross-checks."""
    grid = lay_grid(frame)
    season = Season(grid.starts, grid.minutes, latitude, longitude, 1.0, dict(grid.variables))
    names = [step for _, step in SEASON_STEPS]
    for step in names[: names.index(cross_check) + 1]:
        season = step(season, SeasonMethods(), no_progress)
    return season


def second_half(frame: pl.DataFrame, name: str, changed: pl.Expr) -> pl.DataFrame:
    late = pl.int_range(pl.len()) >= frame.height // 2
    return frame.with_columns(pl.when(late).then(changed).otherwise(pl.col(name)).alias(name))


def with_humidity(frame: pl.DataFrame, humidity: np.ndarray) -> pl.DataFrame:
    """VPD of a humidity that is not in the table; warmth swings by 8 K within a day."""
    hours = np.arange(frame.height) / 2
    warmth = frame["TA"].to_numpy() + 4 * np.cos((hours - 15) / 24 * 2 * np.pi)
    saturated = saturation_pressure(warmth + 273.15) / 100
    return frame.with_columns(TA=pl.Series(warmth), VPD=pl.Series(saturated * (1 - humidity / 100)))


def test_the_ratio_of_what_was_multiplied_is_the_factor() -> None:
    frame = table(30, MAY)
    season = check_clock(checked(frame), SeasonMethods(), no_progress)
    sun = season.results["SW_IN_POT"]
    # one value in each class of the sun's height, that scatters by hardly more than nothing
    scatter = 1 + 1e-6 * np.where(np.arange(sun.size) // 48 % 2, 1, -1)
    values = np.where(sun > 400, -12.0, 3.0) * np.where(np.arange(sun.size) >= 15 * 48, 0.37, 1.0) * scatter
    ratios = find_ratios(values, sun, 48, 7)
    middle = ratios.days == 15
    assert ratios.ratio[middle] == pytest.approx(0.37, rel=1e-4)
    assert ratios.error[middle] == pytest.approx(0.0, abs=1e-5)
    assert ratios.before[middle] == pytest.approx(3.0, rel=1e-5)
    assert ratios.after[middle] == pytest.approx(0.37 * 3, rel=1e-5)
    assert ratios.ratio[ratios.days == 7] == pytest.approx(1.0, abs=1e-4)


def test_the_error_of_a_ratio_is_its_scatter() -> None:
    """Of 400 made-up pairs of weeks; each night and each day is off by a step of its own, which its records share."""
    random = np.random.default_rng(5)
    sun = np.tile(np.where(np.abs(np.arange(48) - 24) < 12, 500.0, 0.0), 14)
    ratios, errors = np.empty(400), np.empty(400)
    for i in range(400):
        nights, days = (np.repeat(random.normal(0, 1.5, 14), 48) for _ in range(2))
        values = np.where(sun > 0, -8.0 + days, 4.0 + nights) + random.normal(0, 1, sun.size)
        found = find_ratios(values, sun, 48, 7)
        ratios[i], errors[i] = found.ratio[0], found.error[0]
    assert ratios.mean() == pytest.approx(1.0, abs=0.02)
    assert errors.mean() == pytest.approx(ratios.std(), rel=0.15)


@pytest.mark.parametrize("latitude", [30.0, 51.0])
def test_a_flux_that_is_turned_from_a_day_on_is_told_with_the_day(latitude: float) -> None:
    frame = table(40, MAY, latitude)
    (problem,) = tell_changes(checked(second_half(frame, "FC", -pl.col("FC")), latitude), set())
    assert problem.startswith(("FC from about 2023-05-20 on is -", "FC from about 2023-05-21 on is -"))
    assert "was its sign turned?" in problem
    assert not list(tell_changes(checked(frame, latitude), set()))


@pytest.mark.parametrize(
    "after",
    [
        pl.lit(3.0) + pl.col("SW_IN") / 500,
        pl.col("FC") * 0.1,
        pl.when(pl.col("SW_IN") > 0).then(-pl.col("FC")).otherwise("FC"),
    ],
    ids=["bare soil after harvest", "drought", "by day alone"],
)
def test_what_nature_turns_is_no_turned_sign(after: pl.Expr) -> None:
    season = checked(second_half(table(40, MAY), "FC", after))
    assert not [problem for problem in tell_changes(season, set()) if "sign" in problem]


def test_a_deficit_in_kpa_is_told_in_frost_without_humidity() -> None:
    frame = table(40, 0, 62.0).with_columns(TA=pl.lit(-12.0))
    random = np.random.default_rng(1)
    frame = with_humidity(frame, 82 + random.normal(0, 2, frame.height))
    assert not list(tell_changes(checked(frame, 62.0), set()))
    half = second_half(frame, "VPD", pl.col("VPD") / 10)
    (problem,) = tell_changes(checked(half, 62.0), set())
    assert problem.startswith("VPD from about 2023-01-2")
    assert "is a part of it in kPa?" in problem
    (problem,) = tell_changes(checked(frame.with_columns(pl.col("VPD") / 10), 62.0), set())
    assert problem.startswith("VPD follows TA within the days by 0.0")


def test_the_onset_of_rains_is_no_other_unit() -> None:
    """Humidity from 25 to 95 %: the deficit becomes a fifteenth, but follows the temperature as before."""
    frame = table(40, MAY, 25.0)
    before, after = (with_humidity(frame, np.full(frame.height, humidity)) for humidity in (25.0, 95.0))
    # vapour changes little within a day, and the deficit takes up the swing of saturation
    swing = saturation_pressure(after["TA"].to_numpy() + 273.15) / 100
    daily = np.repeat(swing.reshape(-1, 48).mean(axis=1), 48)
    after = after.with_columns(VPD=pl.Series(np.maximum(0.0, swing - 0.95 * daily)))
    frame = before.with_columns(VPD=pl.when(pl.int_range(pl.len()) < 20 * 48).then("VPD").otherwise(after["VPD"]))
    assert not [problem for problem in tell_changes(checked(frame, 25.0), set()) if problem.startswith("VPD")]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (pl.col("SW_IN") * 2.02, "is it PPFD"),
        (pl.col("SW_IN") / 1000, "SW_IN is at most"),
    ],
    ids=["photons", "kW"],
)
def test_radiation_of_another_unit_is_told_at_low_sun(change: pl.Expr, words: str) -> None:
    frame = table(40, 10, 63.0)
    assert checked(frame, 63.0).problems == ()
    told = "\n".join(checked(second_half(frame, "SW_IN", change), 63.0).problems)
    assert words in told


def test_photons_that_are_not_two_to_a_joule_are_told() -> None:
    frame = table(40, MAY).with_columns(PPFD_IN=pl.col("SW_IN") * 2.02)
    assert checked(frame).problems == ()
    (problem,) = checked(second_half(frame, "PPFD_IN", pl.col("PPFD_IN") / 2.02)).problems
    assert problem.endswith("SW_IN: PPFD_IN is 1 times as much, and not about 2 umol J-1: check the unit of both")


def test_a_temperature_that_leaps_and_stays_is_told_in_frost() -> None:
    """-12 deg C is 10.4 deg F: medians of ten days of a winter may leap as far, records do not."""
    frame = table(40, 0, 62.0)
    hours = np.arange(frame.height) / 2
    frame = frame.with_columns(TA=pl.Series(-12 + 3 * np.cos((hours - 15) / 24 * 2 * np.pi)), VPD=pl.lit(0.4))
    assert not [problem for problem in checked(frame, 62.0).problems if "TA" in problem]
    turned = checked(second_half(frame, "TA", pl.col("TA") * 1.8 + 32), 62.0).problems
    (problem,) = (one for one in turned if one.startswith("TA"))
    assert problem.startswith("TA leaps from -")
    assert "deg C at 2023-01-21 00:00 and stays there" in problem
    # a spike is none
    spike = frame.with_columns(TA=pl.when(pl.int_range(pl.len()) == 800).then(20.0).otherwise("TA"))
    assert not [problem for problem in checked(spike, 62.0).problems if "leaps" in problem]


def test_days_of_which_most_cannot_be_are_told_with_their_cause() -> None:
    """A third of the season in Pa, of which what is near saturation is plausible in hPa."""
    frame = table(30, MAY)
    late = pl.int_range(pl.len()) >= 20 * 48
    frame = frame.with_columns(VPD=pl.when(late).then(pl.col("VPD") * 100).otherwise("VPD"))
    (problem,) = [one for one in checked(frame).problems if "VPD:" in one]
    assert problem.startswith("2023-05-21 to 2023-05-30: VPD: ")
    assert "they would be plausible in Pa" in problem


def test_what_could_not_be_checked_is_noted() -> None:
    frame = table(30, MAY)
    random = np.random.default_rng(9)
    tiny = frame.with_columns(FC=pl.Series(random.normal(0, 2, frame.height)))
    words = "the sign of FC could not be checked"
    assert not any(words in note for note in checked(frame).notes)
    assert any(words in note for note in checked(tiny).notes)
    humidity = with_humidity(frame, np.full(frame.height, 70.0)).with_columns(RH=pl.lit(70.0))
    unit = "the unit of TA could not be checked"
    assert not any(unit in note for note in checked(humidity).notes)
    assert any(unit in note for note in checked(humidity.drop("VPD")).notes)
    assert any(unit in note for note in checked(humidity.drop("RH")).notes)


def test_a_code_within_the_limits_of_net_radiation_is_told() -> None:
    frame = table(30, MAY)
    random = np.random.default_rng(7)
    net = 0.7 * frame["SW_IN"].to_numpy() - 40 + random.normal(0, 5, frame.height)
    assert checked(frame.with_columns(NETRAD=pl.Series(net))).problems == ()
    even = np.where(net < -30, -40.0, net)
    assert checked(frame.with_columns(NETRAD=pl.Series(even))).problems == ()
    net[random.random(net.size) < 0.05] = -99.9
    (problem,) = checked(frame.with_columns(NETRAD=pl.Series(net))).problems
    assert problem.startswith("NETRAD is -99.9 in ")


def test_uptake_in_frost_is_told() -> None:
    random = np.random.default_rng(2)
    frame = table(30, 0, 62.0)
    frame = frame.with_columns(TA=pl.lit(-15.0), FC=pl.Series(0.35 + random.normal(0, 0.6, frame.height)))
    assert not [note for note in checked(frame, 62.0).notes if "in frost" in note]
    (note,) = [note for note in checked(frame.with_columns(-pl.col("FC")), 62.0).notes if "in frost" in note]
    assert note.startswith("the mean of FC in frost below -5 deg C is -0.3"), note


def test_a_flux_that_scatters_more_than_any_is_told() -> None:
    random = np.random.default_rng(3)
    frame = table(30, 0, 62.0)
    hourly = frame.with_columns(FC=pl.Series((0.2 + random.normal(0, 0.6, frame.height)) * 158.4))
    (problem,) = checked(hourly, 62.0).problems
    assert problem.startswith("FC: half of it lies between -")
    assert "mg CO2 m-2 h-1 (divide it by 158.4)" in problem


@pytest.mark.parametrize("late", [-2, -1, 1, 2])
@pytest.mark.parametrize("latitude", [51.0, 63.0])
def test_a_clock_that_is_a_step_off_is_seen_at_low_sun(late: int, latitude: float) -> None:
    season = checked(table(40, 0, latitude, seed=late + 9), latitude)
    light, sun = season.variables["SW_IN"], season.results["SW_IN_POT"]
    assert find_clock_shift(light, sun, 48) == ()
    assert [shift for _, _, shift in find_clock_shift(np.roll(light, late), sun, 48)] == [late]
    assert find_unseen_clock(light, sun, 48) == ()


@pytest.mark.parametrize(
    ("first_day", "latitude", "why"), [(0, 78.0, "the sun hardly rises"), (150, 78.0, "never sets")]
)
def test_a_clock_that_the_sun_does_not_tell_is_said_to_be_unchecked(first_day: int, latitude: float, why: str) -> None:
    season = checked(table(30, first_day, latitude), latitude)
    (note,) = [note for note in season.notes if "could not be checked against the sun" in note]
    assert why in note
    none = complete_variables(
        check_clock(checked(table(30, MAY).drop("SW_IN")), SeasonMethods(), no_progress), SeasonMethods(), no_progress
    )
    assert any(note.endswith("could not be checked against the sun: SW_IN is missing") for note in none.notes)


@pytest.mark.figures
@needs_season
@pytest.mark.parametrize(("site", "place"), [("DE-Tha_1998", (51.0, 13.6)), ("DE-Geb_2004_2006", (51.1, 10.9))])
def test_of_real_weeks_nothing_is_told_but_a_flux_that_was_turned(site: str, place: tuple[float, float]) -> None:
    """Spruce and crops, harvest and winter, 40 days at a time; then NEE turned from the middle on."""
    inputs, starts = read_site(site)
    names = {"NEE": "NEE", "Rg": "SW_IN", "Tair": "TA", "VPD": "VPD", "Ustar": "USTAR", "LE": "LE", "H": "H"}
    frame = inputs.select(starts.alias("start"), *(pl.col(old).alias(new) for old, new in names.items()))
    found = []
    for first in range(0, frame.height - 40 * 48, 40 * 48):
        part = frame[first : first + 40 * 48]
        assert checked(part, *place).problems == ()
        turned = checked(second_half(part, "NEE", -pl.col("NEE")), *place)
        found.append(any("NEE" in words for words in (*turned.problems, *turned.notes)))
    assert np.mean(found) > 0.9
    print(f"{site}: of {len(found)} times 40 days nothing is told; NEE turned from their middle on in {sum(found)}")
