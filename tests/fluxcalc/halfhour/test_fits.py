"""Fits go to JSON and back."""

from __future__ import annotations

import orjson

from fluxcalc.halfhour.fits import NOTHING_FITTED, Fits, LagWindow, PlaneSector, read_fits, write_fits

FITS = Fits(
    planes=(PlaneSector(0.0, 180.0, 0.01, -0.02, 0.03), PlaneSector(180.0, 360.0, 0.0, 0.0, 0.0)),
    lags={"h2o": (LagWindow(1.2, 0.5, 3.0, (0.0, 0.5)), LagWindow(2.2, 1.0, 9.0, (0.5, 1.0)))},
    cutoffs={"co2": ((0.0, 1.0, 1.5),)},
)


def test_fits_go_to_json_and_back() -> None:
    assert read_fits(orjson.loads(orjson.dumps(write_fits(FITS)))) == FITS


def test_what_was_not_fitted_is_not_written() -> None:
    assert write_fits(NOTHING_FITTED) == {}
    assert read_fits({}) == NOTHING_FITTED
    assert write_fits(Fits(planes=FITS.planes)).keys() == {"planes"}
