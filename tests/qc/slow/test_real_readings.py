"""What the checks say of four years of published half-hours: next to nothing."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from core.station import ChannelQuality, Identity
from qc.slow.clock import find_clock_errors
from qc.slow.finding import ChannelSeries
from qc.slow.judging import judge
from qc.slow.limits import limits_of
from qc.slow.night_offset import find_night_offsets
from qc.slow.noise import find_noise
from qc.slow.unit import find_units
from tests.fluxcalc.reference import SEASON, needs_season

HALF_HOUR = 1800 * 10**9
COLUMNS = {
    "Rg": ("SW_IN", "W m-2"),
    "Tair": ("TA", "deg C"),
    "Tsoil": ("TS", "deg C"),
    "rH": ("RH", "%"),
    "VPD": ("VPD", "hPa"),
}
MAX_SHARE = 0.003


@needs_season
@pytest.mark.parametrize(
    ("name", "latitude", "longitude", "altitude"),
    [("DE-Geb_2004_2006", 51.1, 10.91, 161.0), ("DE-Tha_1998", 50.96, 13.57, 380.0)],
)
def test_published_readings_are_good(name: str, latitude: float, longitude: float, altitude: float) -> None:
    place = {"latitude": latitude, "longitude": longitude, "altitude": altitude, "utc_offset": 1.0}
    site = Identity.model_validate({"id": "x", "name": name, **place})
    table = pl.read_parquet(SEASON / name / "input.parquet")
    ends = table["time"].str.to_datetime("%Y-%m-%d %H:%M").dt.cast_time_unit("ns").cast(pl.Int64).to_numpy()
    starts = ends - HALF_HOUR - 3600 * 10**9
    values = table.select(pl.col(list(COLUMNS)).cast(pl.Float64).fill_null(float("nan"))).to_numpy()
    values = np.where(values <= -9990, np.nan, values)
    by = limits_of([(key, *facts, ChannelQuality()) for key, facts in COLUMNS.items()], HALF_HOUR, site)
    found = judge(starts, values, by, site)
    assert (np.isfinite(values).sum() > 80_000) or name == "DE-Tha_1998"
    assert (found.checks != 0).mean(axis=0).max() < MAX_SHARE
    for i, (key, facts) in enumerate(COLUMNS.items()):
        series = ChannelSeries(key, *facts, HALF_HOUR, starts, np.ascontiguousarray(values[:, i]))
        assert find_clock_errors(series, site) == []
        assert find_night_offsets(series, site) == []
        assert find_units(series, 1.0) == []
        assert len(find_noise(series, 1.0)) <= 2
