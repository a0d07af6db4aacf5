"""Each format, read back by a reader that others wrote: no flag, unit or uncertainty is lost."""

from __future__ import annotations

import base64
import io
import zipfile
from dataclasses import replace
from datetime import timedelta

import nanoarrow as na
import netCDF4
import numpy as np
import pandas as pd
import polars as pl
import pytest
import xarray as xr
from nanoarrow.ipc import InputStream
from numpy.testing import assert_allclose, assert_array_equal

from api.exports.badm import write_badm
from api.exports.fluxnet_zip import aggregates_of
from api.exports.formats import FORMATS, write_export
from api.exports.series import ExportTable, channel_columns, flux_columns, season_columns, without_nan
from core.errors import ExportError
from core.station import Metadata
from fluxcalc.season.aggregates import SIZES
from fluxcalc.season.products import coarser
from fluxcalc.worker.seasons import season_product
from tests.api import export_example as example
from tests.fluxcalc.season.test_steps import made_up, run

UNITS = {
    "NEE": "umol m-2 s-1", "NEE_F": "umol m-2 s-1", "NEE_F_QC": "1", "NEE_RANDUNC": "umol m-2 s-1", "NEE_FLAG": "1",
    "TA_F": "deg C", "LE_F": "W m-2", "P": "mm",
}  # fmt: skip
WHOLE = ("NEE_F_QC", "NEE_FLAG")


def require_same(table: pd.DataFrame, digits: float = 0.0) -> None:
    """Every value of the example is there, and every gap."""
    expected = example.values()
    for name in example.NAMES:
        assert_allclose(table[name].to_numpy(dtype=float, na_value=np.nan), expected[name], rtol=digits, err_msg=name)


def fluxes(**more: list[float]) -> ExportTable:
    """Three half-hours with a flux of each quality."""
    given = {"FC": [-12.25, 3.0, 4.0], "FC_SSITC_TEST": [0.0, 1.0, 2.0], "USTAR": [0.05, 0.3, np.nan], "ET": [1.0] * 3}
    given |= more
    columns = flux_columns(list(given))
    table = example.values().head(3).select("start", "end").with_columns(pl.Series(*pair) for pair in given.items())
    made = replace(example.season(), what="fluxes", columns=columns, values=without_nan(table, columns))
    return replace(made, end=made.start + timedelta(minutes=90))


def test_every_format_gives_the_same_bytes_again() -> None:
    for form in FORMATS:
        assert write_export(example.season(), form).content == write_export(example.season(), form).content, form


def test_fluxnet_csv_by_pandas() -> None:
    file = write_export(example.season(), "csv")
    table = pd.read_csv(io.BytesIO(file.content), na_values=[-9999], dtype={"TIMESTAMP_START": str})
    assert file.name == "cn-tower_season-run12_202607010000-202607030000.csv"
    assert table["TIMESTAMP_START"].iloc[0] == "202607010000"
    assert all((table[name].dropna() % 1 == 0).all() for name in WHOLE)
    require_same(table, 1e-6)


def test_csv_with_units_by_pandas() -> None:
    table = pd.read_csv(io.BytesIO(write_export(example.season(), "csv-units").content), header=[0, 1])
    assert dict(table.columns.tolist()) == {"start": "UTC", "end": "UTC", **UNITS}
    table.columns = table.columns.get_level_values(0)
    assert pd.to_datetime(table["start"].iloc[0]) == pd.Timestamp(example.START)
    require_same(table, 1e-6)


def require_attributes(schema: na.c_schema) -> None:
    said = {
        child.name: {key.decode(): value.decode() for key, value in child.metadata.items()} for child in schema.children
    }
    assert {name: said[name]["units"] for name in example.NAMES} == UNITS
    assert said["NEE_F_QC"]["flag_values"] == "0, 1, 2, 3"
    assert said["NEE_F_QC"]["flag_meanings"] == "measured filled_well filled_medium filled_poorly"
    assert said["NEE"]["ancillary_variables"] == "NEE_FLAG NEE_RANDUNC"
    assert said["P"]["cell_methods"] == "time: sum"
    about = {key.decode(): value.decode() for key, value in schema.metadata.items()}
    assert (about["run"], about["config_sha256"], about["state"]) == ("12", "c" * 64, "provisional")
    assert (about["made"], about["licence"]) == ("2026-07-09T12:00:00Z", "CC-BY-4.0")


def test_parquet_by_polars_and_its_schema_by_nanoarrow() -> None:
    content = write_export(example.season(), "parquet").content
    table = pl.read_parquet(io.BytesIO(content))
    assert table["start"].to_list() == example.values()["start"].to_list()
    assert [table.schema[name] for name in WHOLE] == [pl.Int64, pl.Int64]
    require_same(pd.DataFrame(table.to_dict(as_series=False)))
    message = base64.b64decode(pl.read_parquet_metadata(io.BytesIO(content))["ARROW:schema"])
    with InputStream.from_readable(io.BytesIO(message + bytes(8))) as stream:
        require_attributes(na.c_array_stream(stream).get_schema())


def test_arrow_by_polars_and_its_schema_by_nanoarrow() -> None:
    content = write_export(example.season(), "arrow").content
    require_same(pd.DataFrame(pl.read_ipc_stream(io.BytesIO(content)).to_dict(as_series=False)))
    with InputStream.from_readable(io.BytesIO(content)) as stream:
        require_attributes(na.c_array_stream(stream).get_schema())


def test_netcdf_by_xarray() -> None:
    content = write_export(example.season(), "netcdf").content
    with xr.open_dataset(io.BytesIO(content), engine="scipy") as data:
        start = np.array([time.replace(tzinfo=None) for time in example.values()["start"]], "M8[ns]")
        assert_array_equal(data["time"].values.astype("M8[ns]"), start)
        assert_array_equal(data["time_bnds"].values[:, 1].astype("M8[ns]") - start, np.timedelta64(30, "m"))
        require_same(data[list(example.NAMES)].to_dataframe())
        units = {name: data[name].attrs.get("units") for name in example.NAMES}
        assert units == UNITS | {"TA_F": "degree_Celsius"} | dict.fromkeys(WHOLE)
        assert float(data["latitude"]) == 26.1
        assert data.attrs["time_coverage_end"] == "2026-07-02T16:00:00Z"


def test_netcdf_says_what_cf_wants() -> None:
    with netCDF4.Dataset("memory", memory=write_export(example.season(), "netcdf").content) as data:
        assert (data.Conventions, data.featureType) == ("CF-1.11, ACDD-1.3", "timeSeries")
        quality = data["NEE_F_QC"]
        assert_array_equal(quality.flag_values, np.array([0, 1, 2, 3], quality.dtype))
        assert quality.flag_values.dtype == quality.dtype
        assert (data["NEE"].cell_methods, data["P"].cell_methods) == ("time: mean", "time: sum")
        assert data["NEE"].ancillary_variables.split() == ["NEE_FLAG", "NEE_RANDUNC"]
        assert data["TA_F"].units_metadata == "temperature: on_scale"
        assert data["time"].units_metadata == "leap_seconds: none"
        assert b"".join(data["station_id"][:].data) == b"cn-tower"
        assert (data.creator_name, data.license) == ("Li Wei", "CC-BY-4.0")


def test_a_series_of_one_time_each_has_no_bounds() -> None:
    made = example.season()
    point = replace(made, values=made.values.drop("end").rename({"start": "time"}))
    with xr.open_dataset(io.BytesIO(write_export(point, "netcdf").content), engine="scipy") as data:
        assert "time_bnds" not in data
        assert "bounds" not in data["time"].attrs


def test_fluxnet_zip_has_every_resolution_with_its_means() -> None:
    file = write_export(example.season(), "fluxnet")
    assert file.name == "FLT_CN-Tst_FLUXTOWER_ALL_2026-2026_run12.zip"
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        names = {f"FLT_CN-Tst_FLUXTOWER_{size}_2026-2026_run12.csv" for size in ("HH", *SIZES)}
        assert set(archive.namelist()) == names | {"variables.csv", "README.txt", "LICENCE.txt"}
        tables = {
            size: pd.read_csv(archive.open(f"FLT_CN-Tst_FLUXTOWER_{size}_2026-2026_run12.csv"), na_values=[-9999])
            for size in ("HH", "DD")
        }
        listed = pd.read_csv(archive.open("variables.csv")).set_index("variable")
        readme, licence = (archive.read(name).decode() for name in ("README.txt", "LICENCE.txt"))
    require_same(tables["HH"], 1e-6)
    days, whole = tables["DD"], example.values()
    assert days["TIMESTAMP"].tolist() == [20260701, 20260702]
    grams = 12.0107e-6 * 86400
    assert_allclose(days["NEE_F"], [whole["NEE_F"][rows].mean() * grams for rows in (slice(48), slice(48, 96))], 1e-6)
    assert_allclose(days["TA_F"], [whole["TA_F"][rows].mean() for rows in (slice(48), slice(48, 96))], 1e-6)
    assert_allclose(days["NEE_F_QC"], [46 / 48, 1.0], 1e-6)  # two half-hours of the first day are filled less well
    assert "NEE" not in days.columns
    assert listed.loc["NEE_F", "unit_DD"] == "gC m-2 d-1"
    assert listed.loc["NEE_F_QC", "flag_values"].startswith("0=measured")
    assert "run: 12" in readme
    assert "not by the FLUXNET pipeline" in readme
    assert "Licence: CC-BY-4.0" in licence


def test_the_zip_has_the_means_of_the_season_itself() -> None:
    """What is stored of a season gives the days, weeks and months that `fluxtower season` writes."""
    season = run(made_up(40))
    product = season_product(season)
    columns = season_columns([name for name in product.columns if name != "start"])
    values = without_nan(product.with_columns(end=pl.col("start") + timedelta(minutes=season.minutes)), columns)
    offset = season.utc_offset
    place = example.STATION.station.model_copy(update={"utc_offset": offset})
    station = example.STATION.model_copy(update={"station": place})
    export = replace(example.season(), station=station, values=values, columns=columns)
    for size, table in aggregates_of(export).items():
        own = coarser(season, size)
        assert table["start"].to_list() == own["start"].to_list()
        shared = [name for name in table.columns if name not in ("start", "end")]
        assert {"NEE_F", "RECO_NT", "GPP_DT", "LE_F", "NEE_F_QC"} <= {*shared}
        assert {*shared} <= {*own.columns}
        for name in shared:
            # a season sums its versions in single precision
            assert_allclose(table[name], own[name], rtol=1e-5, atol=1e-6, err_msg=f"{size} {name}")


def test_ameriflux_is_checked_and_not_filled() -> None:
    file = write_export(fluxes(), "ameriflux")
    assert file.name == "US-Tst_HH_202607010000_202607010130.csv"
    assert file.content.decode().splitlines() == [
        "TIMESTAMP_START,TIMESTAMP_END,FC_1_1_1,FC_SSITC_TEST_1_1_1,USTAR_1_1_1",
        "202607010000,202607010030,-12.25,0,0.05",
        "202607010030,202607010100,3,1,0.3",
        "202607010100,202607010130,-9999,2,-9999",
    ]


@pytest.mark.parametrize("lacks", ["id", "half-hours"])
def test_ameriflux_is_refused_with_a_remedy(lacks: str) -> None:
    export = fluxes()
    if lacks == "id":
        export = replace(export, station=export.station.model_copy(update={"metadata": Metadata()}))
    else:
        export = replace(export, step=timedelta(minutes=15))
    with pytest.raises(ExportError) as raised:
        write_export(export, "ameriflux")
    assert raised.value.remedy
    assert ("metadata.ameriflux_id" if lacks == "id" else "averaging_minutes") in str(raised.value)


def test_an_empty_table_is_a_file_of_every_format() -> None:
    made = example.season()
    empty = replace(made, values=made.values.clear(), made=None)
    for form in FORMATS:
        assert write_export(empty, form).content, form


def test_badm_has_what_the_station_file_says() -> None:
    table = pd.read_csv(io.StringIO(write_badm(example.STATION)), dtype=str)
    assert set(table["SITE_ID"]) == {"US-Tst"}
    said = table.set_index("VARIABLE")["DATAVALUE"]
    assert (said["IGBP"], said["LOCATION_LAT"], said["HEIGHTC"], said["UTC_OFFSET"]) == ("EBF", "26.1", "12", "8")
    assert (said["INST_SN"], said["INST_INSTALL_DATE"], said["INST_REMOVE_DATE"]) == ("0042", "20240501", "20260709")
    people = table[table["VARIABLE_GROUP"] == "GRP_TEAM_MEMBER"]
    assert people.groupby("GROUP_ID")["DATAVALUE"].apply(lambda one: "Li Wei" in set(one)).sum() == 1


def test_readings_have_their_flags_beside_them() -> None:
    columns = channel_columns(example.STATION.streams["met"].channels, flagged=True)
    assert [column.name for column in columns] == ["TA", "TA_FLAG", "RH", "RH_FLAG"]
    table = pl.DataFrame({"time": [example.START] * 2, "TA": [20.5, 99.0], "TA_FLAG": [1, 4], "RH": [50.0, None]})
    values = without_nan(table.with_columns(RH_FLAG=pl.Series([None, 9], dtype=pl.Int64)), columns)
    made = replace(example.season(), what="met", values=values, columns=columns)
    with netCDF4.Dataset("memory", memory=write_export(made, "netcdf").content) as data:
        flag = data["TA_FLAG"]
        meanings = dict(zip(flag.flag_values.tolist(), flag.flag_meanings.split(), strict=True))
        assert [meanings[value] for value in flag[:].tolist()] == ["good", "bad"]
        assert data["TA"].ancillary_variables == "TA_FLAG"
        assert data["RH_FLAG"][:].mask.tolist() == [True, False]
