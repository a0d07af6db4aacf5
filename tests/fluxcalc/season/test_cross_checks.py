"""What contradicts itself in a season is told; what is right is not."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from fluxcalc.season.record import IMPLAUSIBLE, Season
from fluxcalc.thermodynamics import saturation_pressure
from tests.fluxcalc.season.test_steps import made_up, run

DAYS = 30


def good() -> pl.DataFrame:
    """A month that has all that is held against each other, and gaps."""
    frame = made_up(DAYS + 150)[150 * 48 :]
    random = np.random.default_rng(1)
    n = frame.height
    humidity = 95 - np.clip(frame["SW_IN"].to_numpy() / 12, 0, 60) + random.normal(0, 0.5, n)
    deficit = saturation_pressure(frame["TA"].to_numpy() + 273.15) / 100 * (1 - np.minimum(humidity, 100) / 100)
    net = 0.7 * frame["SW_IN"].to_numpy() - 40
    gaps = random.random(n) < 0.1
    return frame.with_columns(
        RH=pl.Series(humidity), VPD=pl.Series(deficit), NETRAD=pl.Series(net), G=pl.Series(0.1 * net),
        H=pl.Series(0.4 * net + random.normal(0, 5, n)), FC=pl.Series(np.where(gaps, np.nan, frame["FC"].to_numpy())),
        PA=pl.Series(97 + random.normal(0, 0.5, n)), SWC=pl.Series(25 + random.normal(0, 1, n)),
        FC_SSITC_TEST=pl.Series(random.integers(0, 2, n).astype(float)),
    )  # fmt: skip


def told(season: Season) -> str:
    return "\n".join((*season.problems, *season.notes))


def quick(frame: pl.DataFrame, **methods: object) -> Season:
    return run(frame, **{"ustar": 0.2, "partition": (), "uncertainty": "none", **methods})


def test_of_a_good_month_nothing_is_told():
    season = quick(good())
    assert season.problems == ()
    assert "filled" not in told(season)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"VPD": pl.col("VPD") / 10}, "VPD is 0.1 times what RH and TA make: it is in kPa"),
        ({"VPD": pl.col("VPD") * 10}, "VPD is 10 times what RH and TA make"),
        ({"VPD": pl.col("VPD") * 3}, "check the units of VPD, RH and TA"),
        ({"RH": pl.col("RH") / 100}, "it is a fraction, and not used"),
        ({"SWC": pl.col("SWC") / 100}, "SWC lies between"),
        ({"G": -pl.col("G")}, "G goes down when NETRAD goes up"),
        ({"H": -pl.col("H")}, "H goes down when NETRAD goes up"),
        ({"FC": -pl.col("FC")}, "NEE goes up with SW_IN"),
        ({"TA": pl.col("TA") + 273.15}, "they would be plausible in K"),
        ({"PA": pl.col("PA") * 10}, "they would be plausible in hPa"),
        ({"PA": pl.col("PA") * 1000}, "they would be plausible in Pa"),
        ({"USTAR": pl.col("USTAR") * 100}, "they would be plausible in cm s-1"),
        ({"FC": pl.col("FC") / 22.72}, "is it in mg CO2"),
        ({"SW_IN": pl.col("SW_IN") / 0.52}, "is it PPFD"),
        ({"SW_IN": pl.col("SW_IN") / 100}, "check its unit (W m-2)"),
        ({"SW_IN": pl.col("SW_IN") + 30}, "SW_IN is 30 W m-2 while the sun is down"),
        ({"TA": pl.col("TA") * 1.8 + 32}, "Fahrenheit"),
        ({"FC_SSITC_TEST": pl.col("FC_SSITC_TEST") * 4 + 1}, "FC_SSITC_TEST goes up to 5"),
        ({"FC_SSITC_TEST": pl.lit(None, pl.Float64)}, "FC_SSITC_TEST is empty"),
        ({"FC_SSITC_TEST": pl.when(pl.int_range(pl.len()) % 3 == 0).then("FC_SSITC_TEST")}, "have no flag"),
        ({"FC": pl.col("FC").fill_nan(-2.0)}, "NEE has no gap"),
        ({"H": pl.when(pl.int_range(pl.len()) < 100).then(3.0).otherwise("H")}, "H is 3 in 100 records one after the"),
        ({"LE": pl.when(pl.int_range(pl.len()) % 5 == 0).then(0.0).otherwise("LE")}, "LE is 0 in 288 of 1440 records"),
        ({"LE": pl.when(pl.int_range(pl.len()) % 60 == 0).then(0.0).otherwise("LE")}, "LE is 0 in 24 of 1440 records"),
        ({"H": -pl.col("H"), "NETRAD": pl.lit(None, pl.Float64)}, "H goes down when SW_IN goes up"),
        ({"LE": pl.col("LE") * 0.00147}, "LE hardly ever exceeds"),
        ({"FC": pl.col("FC") / 60, "LE": pl.lit(None, pl.Float64)}, "is it in mg CO2"),
        (
            {"FC": pl.when(pl.col("SW_IN") < 1).then(-pl.col("FC").abs()).otherwise("FC")},
            "as if CO2 were taken up in the dark",
        ),
    ],
    ids=lambda one: one if isinstance(one, str) else None,
)
def test_a_planted_mistake_is_told(change, words):
    assert words in told(quick(good().with_columns(**change)))


LATE = pl.int_range(pl.len()) >= 20 * 48


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"VPD": pl.col("VPD") / 10}, "2023-06-20 to 2023-06-29: VPD is 0.1 times what RH and TA make"),
        ({"VPD": pl.col("VPD") / 10, "RH": None}, "2023-06-20 to 2023-06-29: VPD is at most"),
        ({"RH": pl.col("RH") / 100}, "2023-06-20 to 2023-06-29: RH lies between"),
        ({"SW_IN": pl.col("SW_IN") / 1000}, "2023-06-20 to 2023-06-29: SW_IN is at most"),
        ({"G": -pl.col("G")}, "2023-06-20 to 2023-06-29: G goes down when NETRAD goes up"),
        ({"FC": -pl.col("FC")}, "2023-06-20 to 2023-06-29: NEE goes up with SW_IN"),
        ({"TA": pl.col("TA") * 1.8 + 32}, "2023-06-20 to 2023-06-29: the median of TA is"),
        ({"TA": pl.col("TA") - 30}, "TA between 2023-05-31 and 2023-06-29: its median leaps"),
        ({"FC": pl.col("FC") / 22.72}, "FC between 2023-05-31 and 2023-06-29: its range leaps"),
    ],
    ids=lambda one: one if isinstance(one, str) else None,
)
def test_a_mistake_in_the_last_ten_days_is_told_with_its_days(change, words):
    changed = {
        name: pl.lit(None, pl.Float64) if one is None else pl.when(LATE).then(one).otherwise(name)
        for name, one in change.items()
    }
    assert words in told(quick(good().with_columns(**changed)))


def test_storage_that_cannot_be_leaves_the_flux_alone():
    frame = good()
    storage = pl.when(pl.int_range(pl.len()) < 50).then(-6999.0).otherwise(0.5)
    season = quick(frame.with_columns(SC=storage), spikes=None)
    fc = frame["FC"].to_numpy()
    np.testing.assert_allclose(season.variables["NEE"], fc + np.where(np.arange(fc.size) < 50, 0, 0.5))
    assert "SC: 50 records rejected: outside -100 to 100" in told(season)


def test_a_flux_that_cannot_be_is_not_used_however_it_is_stored():
    frame = good().with_columns(FC=pl.when(pl.int_range(pl.len()) == 7).then(150.0).otherwise("FC"), SC=pl.lit(-60.0))
    season = quick(frame, spikes=None)
    assert season.flags["NEE"][7] == IMPLAUSIBLE


def test_radiation_by_day_only_leaves_the_night_to_the_sun():
    frame = good()
    bright = frame.with_columns(SW_IN=pl.when(pl.col("SW_IN") > 0).then("SW_IN"))
    whole, by_day = quick(frame), quick(bright)
    dark = whole.results["SW_IN_POT"] <= 0
    assert (by_day.variables["SW_IN"][dark] == 0).all()
    assert f"{int(dark.sum())} records while the sun is down are taken as 0" in told(by_day)
    np.testing.assert_array_equal(by_day.flags["NEE"], whole.flags["NEE"])


def test_photons_stand_for_radiation_that_was_not_measured():
    frame = good()
    season = quick(frame.with_columns(PPFD_IN=frame["SW_IN"] * 2).drop("SW_IN"))
    np.testing.assert_allclose(season.variables["SW_IN"], 1.04 * frame["SW_IN"].to_numpy())
    assert "SW_IN is PPFD_IN times 0.52" in told(season)
    without = quick(frame.with_columns(PPFD_IN=frame["SW_IN"] * 2).drop("SW_IN"), ppfd_factor=0.0)
    assert any("SW_IN: no record" in problem for problem in without.problems)


def test_a_sensitivity_that_is_given_makes_respiration():
    frame = made_up(40).with_columns(TA=pl.lit(20.0) + pl.col("SW_IN") / 1000)
    assert "--e0 NUMBER" in quick(frame, partition=("nt",)).reasons["RECO_NT"]
    season = quick(frame, partition=("nt",), e0=200.0)
    assert season.e0 == 200.0
    assert np.isfinite(season.results["RECO_NT"]).all()
