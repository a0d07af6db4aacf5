"""The formats by HTTP: what is committed comes out in each of them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import netCDF4
import numpy as np
import pandas as pd
import polars as pl
import pytest

from api.exports.formats import ExportFile
from api.exports.raw import zip_stream
from core.store import Store
from ingest.files import toa5
from tests.api import export_example, tower
from tests.api.tower import ID, START

pytestmark = pytest.mark.integration

BASE = f"/api/v1/stations/{ID}"


def fetch(client: httpx.Client, path: str, **asked: str) -> httpx.Response:
    answer = client.get(f"{BASE}/{path}", params=asked)
    assert answer.status_code == 200, answer.text
    return answer


def test_fluxes(client: httpx.Client, registered: Store) -> None:
    tower.put_flux(registered, tower.flux(START, FC=-12.25, FC_SSITC_TEST=1.0, SW_IN=600.5))
    asked = {"variables": "FC,FC_SSITC_TEST,SW_IN"}
    table = pl.read_parquet(io.BytesIO(fetch(client, "fluxes", format="parquet", **asked).content))
    assert table.drop("start", "end").rows() == [(-12.25, 1, 600.5)]
    table = pl.read_ipc_stream(io.BytesIO(fetch(client, "fluxes", format="arrow", **asked).content))
    assert table.drop("start", "end").rows() == [(-12.25, 1, 600.5)]
    lines = fetch(client, "fluxes", format="csv-units", **asked).text.splitlines()
    assert lines[:2] == ["start,end,FC,FC_SSITC_TEST,SW_IN", "UTC,UTC,umol m-2 s-1,1,W m-2"]
    answer = fetch(client, "fluxes", format="netcdf", **asked)
    assert answer.headers["content-type"] == "application/x-netcdf"
    assert answer.headers["content-disposition"].endswith('.nc"')
    with netCDF4.Dataset("memory", memory=answer.content) as data:
        assert (float(data["FC"][0]), int(data["FC_SSITC_TEST"][0])) == (-12.25, 1)


def test_an_ameriflux_upload_needs_an_id(client: httpx.Client, registered: Store) -> None:
    tower.put_flux(registered, tower.flux(START, FC=-12.25, FC_SSITC_TEST=0.0))
    refused = client.get(f"{BASE}/fluxes", params={"format": "ameriflux"})
    assert refused.status_code == 422
    assert "metadata.ameriflux_id" in refused.json()["remedy"]
    registered.stations.put(tower.STATION + export_example.METADATA, "cn-tower.toml")
    answer = fetch(client, "fluxes", format="ameriflux")
    assert 'filename="US-Tst_HH_202607010800_202607010830.csv"' in answer.headers["content-disposition"]
    assert answer.text.splitlines()[1] == "202607010800,202607010830,-12.25,0"


def test_a_season(client: httpx.Client, registered: Store) -> None:
    tower.put_days(registered, 2)
    expected = tower.filled_days(2)["NEE_F"].to_list()
    for form, read in (("parquet", pl.read_parquet), ("arrow", pl.read_ipc_stream)):
        answer = fetch(client, "product", format=form)
        assert read(io.BytesIO(answer.content))["NEE_F"].to_list() == expected
        assert answer.headers["x-fluxtower-status"] == "provisional"
    with zipfile.ZipFile(io.BytesIO(fetch(client, "product", format="fluxnet").content)) as archive:
        (days,) = [name for name in archive.namelist() if "_DD_" in name]
        assert len(archive.read(days).splitlines()) == 4  # two days of UTC are three of the station, and a header
        half_hours = archive.read(days.replace("_DD_", "_HH_")).decode().splitlines()
    assert "FCH4" not in half_hours[0]
    assert len(half_hours) == 97


def test_readings_and_samples(client: httpx.Client, registered: Store) -> None:
    readings = [tower.reading(START + timedelta(minutes=i), 20.0 + i) for i in range(3)]
    registered.messages.commit([tower.block(START, 10)], readings)
    table = pl.read_parquet(io.BytesIO(fetch(client, "readings", format="parquet", channels="TA").content))
    assert table.columns == ["time", "TA", "TA_FLAG"]
    assert table["TA"].to_list() == [20.0, 21.0, 22.0]
    period = {"from": START.isoformat(), "to": (START + timedelta(seconds=10)).isoformat()}
    table = pl.read_ipc_stream(io.BytesIO(fetch(client, "samples", format="arrow", channels="Ux", **period).content))
    assert table["Ux"].to_list() == [float(i) for i in range(100)]
    refused = client.get(f"{BASE}/minutes", params={"format": "netcdf"})
    assert refused.status_code == 422


def test_raw_half_hours_by_pandas_and_our_own_reader(client: httpx.Client, registered: Store, tmp_path: Path) -> None:
    half_hour = timedelta(minutes=30)
    registered.messages.commit([tower.block(START, 10), tower.block(START + half_hour, 10, first=7.0)], [])
    asked = {"from": START.isoformat(), "to": (START + 3 * half_hour).isoformat()}
    content = fetch(client, "raw", format="toa5", **asked).content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["cn-tower_ec_202607010800.dat", "cn-tower_ec_202607010830.dat"]
        table = pd.read_csv(archive.open(archive.namelist()[1]), header=None, skiprows=4, na_values="NAN")
        assert table[0][0] == "2026-07-01 08:30:00.000"
        assert table[2].head(100).tolist() == [7.0 + i for i in range(100)]
        assert table[2].count() == 100
        archive.extract(archive.namelist()[0], tmp_path)
    own = toa5.read(tmp_path / "cn-tower_ec_202607010800.dat")
    assert own.frame["Ux"].head(100).to_list() == [float(i) for i in range(100)]
    with zipfile.ZipFile(io.BytesIO(fetch(client, "raw", format="icos", **asked).content)) as archive:
        assert archive.namelist()[0] == "cn-tower_EC_202607010800_L01_F01.csv"
        table = pd.read_csv(archive.open(archive.namelist()[0]))
        assert table.columns.tolist() == list(tower.CHANNELS)
        assert table["Ux"].head(100).tolist() == [float(i) for i in range(100)]
    with zipfile.ZipFile(io.BytesIO(fetch(client, "raw", format="parquet", **asked).content)) as archive:
        assert pl.read_parquet(archive.read(archive.namelist()[0]))["Ux"].drop_nulls().len() == 100


def test_a_zip_keeps_one_file_in_memory() -> None:
    made = []

    def files() -> Iterator[ExportFile]:
        for i in range(20):
            made.append(i)
            yield ExportFile(f"{i}", "text/plain", np.random.default_rng(i).bytes(100_000))

    chunks = []
    for chunk in zip_stream(files()):
        chunks.append(chunk)
        assert len(chunk) < 110_000
        assert len(made) <= len(chunks)
    with zipfile.ZipFile(io.BytesIO(b"".join(chunks))) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 20
