"""What is stored, as files: every format of every kind of data."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose

from core.errors import ConfigError, ExportError
from core.store import Draft, Store
from fluxtower.exporting import DATA, OF_DATA, export_station, write_file
from tests.api import export_example, tower
from tests.api.tower import ID, START, STATION

pytestmark = pytest.mark.integration
LOCAL = datetime(2026, 7, 1, 8)
"""``tower.START`` at the station."""


@pytest.fixture
def filled(store: Store) -> Store:
    store.stations.put(STATION + export_example.METADATA, "cn-tower.toml")
    tower.put_days(store, 2)
    readings = [tower.reading(START + timedelta(minutes=minute), 20.0 + minute) for minute in range(10)]
    store.messages.commit([tower.block(START, 10)], readings)
    return store


def test_every_kind_of_data_in_every_format(filled: Store, tmp_path: Path) -> None:
    for data in DATA:
        for form in OF_DATA[data]:
            file = export_station(filled, ID, form, data, LOCAL, LOCAL + timedelta(days=1))
            path = write_file(file, tmp_path)
            assert path.name == file.name
            assert path.read_bytes() == file.content, (data, form)
    assert list(tmp_path.glob("*.part")) == []


def test_fluxes_by_pandas_have_the_weather(filled: Store) -> None:
    tower.put_flux(filled, tower.flux(START + timedelta(days=3), FC=-2.5, SW_IN=512.0, P=0.25))
    file = export_station(filled, ID, "csv", begin=LOCAL + timedelta(days=3), end=LOCAL + timedelta(days=4))
    table = pd.read_csv(io.BytesIO(file.content), na_values=[-9999])
    assert (table["FC"][0], table["SW_IN"][0], table["P"][0]) == (-2.5, 512.0, 0.25)
    assert table["TIMESTAMP_START"].tolist() == [202607040800]


def test_samples_are_all_there_as_sent(filled: Store) -> None:
    file = export_station(filled, ID, "arrow", "samples", LOCAL, LOCAL + timedelta(seconds=20), variables=["Ux"])
    table = pl.read_ipc_stream(io.BytesIO(file.content))
    assert table.columns == ["time", "Ux"]
    assert table["Ux"].dtype == pl.Float32
    assert table["Ux"].to_list() == [*map(float, range(100)), *[None] * 100]
    assert (table["time"][1] - table["time"][0]) == timedelta(milliseconds=100)


def test_a_season_by_netcdf4(filled: Store) -> None:
    content = export_station(filled, ID, "netcdf", "season").content
    with netCDF4.Dataset("memory", memory=content) as data:
        expected = tower.filled_days(2)
        assert_allclose(data["NEE_F"][:], expected["NEE_F"])
        assert_allclose(np.ma.filled(data["NEE_F_SD"][:], np.nan), expected["NEE_F_SD"].cast(float), equal_nan=True)
        assert data.state == "provisional"
        assert data.run == str(filled.runs.read_shown(ID).id)


def test_fluxes_are_reviewed_once_both_have_signed(filled: Store) -> None:
    start, end = datetime(2026, 6, 30, 16, tzinfo=UTC), datetime(2026, 7, 31, 16, tzinfo=UTC)
    assert export_state(filled) == "provisional"
    for level in ("station", "centre"):
        filled.reviews.put(Draft(ID, level, "accepted", ("fluxes",), start, end, "", "li"))
    assert export_state(filled) == "reviewed"
    tower.put_flux(filled, tower.flux(START, FC=1.0), revision=2)
    assert export_state(filled) == "provisional"


def export_state(store: Store) -> str:
    with netCDF4.Dataset("memory", memory=export_station(store, ID, "netcdf").content) as data:
        return str(data.state)


def test_what_does_not_fit_is_refused_by_name(filled: Store) -> None:
    for form, more, word in (
        ("xml", {}, "ameriflux"),
        ("fluxnet", {"data": "fluxes"}, "--format of fluxes"),
        ("csv", {"data": "weather"}, "--data"),
        ("csv", {"variables": ["NOX"]}, "FC_SSITC_TEST"),
        ("parquet", {"data": "readings", "stream": "ec"}, "met"),
        ("parquet", {"data": "readings"}, "--from and --to"),
    ):
        with pytest.raises(ConfigError, match=word):
            export_station(filled, ID, form, **more)
    filled.stations.put(STATION, "cn-tower.toml")
    with pytest.raises(ExportError, match=r"metadata\.ameriflux_id"):
        export_station(filled, ID, "ameriflux")
