"""Mole fractions as ICOS' CSV and as ObsPack's netCDF: one file a gas and intake."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import netCDF4
import numpy as np
import polars as pl

from core.station.mole_fraction import GAS_UNITS, Gas
from core.station.site import Identity

MISSING_ICOS = -999.99
GOOD, PROVISIONAL, SUSPECT, BAD = 1, 2, 3, 4
ICOS_FLAGS = {GOOD: "U", PROVISIONAL: "U", SUSPECT: "N", BAD: "N"}
"""U and N: automatically good and not; O and K would be a person's."""
LONG_NAMES = {"CO2": "carbon_dioxide", "CH4": "methane", "CO": "carbon_monoxide", "N2O": "nitrous_oxide"}
SI_FACTORS = {"umol mol-1": 1e-6, "nmol mol-1": 1e-9}
FILL = -1e34


@dataclass(frozen=True)
class Series:
    """Hours of one gas at one intake, and what a file says of them.

    Attributes
    ----------
    station : Identity
    gas, intake : str
    height : float
        Of the intake above ground. [m]
    scale, system : str
    table : pl.DataFrame
        ``time`` (start, UTC), ``value``, ``sd``, ``u``, ``n``, ``flag``, ``reasons``.
    selection : str
        What of the hours is in it: ``allvalid``, or a background selection's name.
    ltr, cmr : float
        Long-term and continuous repeatability of the target, NaN where not known.
    bias, bias_u : float
        Mean bias of the target and its uncertainty, NaN where not known.
    made : datetime
    code_version, config_sha256, tanks_sha256 : str
    """

    station: Identity
    gas: Gas
    intake: str
    height: float
    scale: str
    system: str
    table: pl.DataFrame
    selection: str
    ltr: float
    cmr: float
    bias: float
    bias_u: float
    made: datetime
    code_version: str
    config_sha256: str
    tanks_sha256: str


def icos_name(series: Series) -> str:
    """Return what an ICOS-like file is called."""
    return f"{series.station.id}_{series.height:g}m_{series.gas.lower()}.csv"


def write_icos(series: Series) -> str:
    """Return hours in the columns of ICOS' CSV: semicolons, START stamps in UTC, -999.99 for what is missing.

    ICOS' own files say who is responsible and under which licence; ours say that Fluxtower made them. What a column of
    theirs has no value for here is -999.99.
    """
    gas = series.gas.lower()
    out = StringIO()
    times: list[datetime] = series.table["time"].to_list()
    period = f"{times[0]:%Y-%m-%dT%H:%M:%SZ} to {times[-1]:%Y-%m-%dT%H:%M:%SZ}" if times else "no hour"
    for line in (
        "TITLE: hourly mean dry air mole fractions in the columns of ICOS ATC's CSV; not a file of ICOS",
        f"STATION: {series.station.id} {series.station.name}",
        f"LATITUDE: {series.station.latitude:g} deg N",
        f"LONGITUDE: {series.station.longitude:g} deg E",
        f"ALTITUDE: {series.station.altitude:g} m above sea level",
        f"SAMPLING HEIGHT: {series.height:g} m above ground ({series.intake})",
        f"SPECIES: {gas}",
        f"UNIT: {GAS_UNITS[series.gas]}",
        f"MEASUREMENT SCALE: {series.scale}",
        f"SELECTION: {series.selection}",
        f"PERIOD: {period}",
        f"MADE: {series.made.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} by {series.code_version}",
        f"STATION FILE SHA-256: {series.config_sha256}",
        f"TANK FILES SHA-256: {series.tanks_sha256}",
        "TIME: UTC, start of the hour",
        f"MISSING: {MISSING_ICOS}",
        "FLAG: U good, N bad, by the checks; O good, K bad, by a person",
        "QUALITY ID: 1 good, 2 provisional, 3 suspect, 4 bad",
        "UNCERTAINTY: of QcBias, 1 sigma; STTB is not made here",
    ):
        out.write(f"# {line}\n")
    names = (
        *("#Site", "SamplingHeight", "Year", "Month", "Day", "Hour", "Minute", "DecimalDate", gas, "Stdev", "NbPoints"),
        *("Flag", "InstrumentId", "QualityId", "LTR", "CMR", "STTB", "QcBias", "QcBiasUncertainty"),
        f"{gas}-WithoutSpikes",
    )
    out.write(";".join(names) + "\n")
    for row in series.table.iter_rows(named=True):
        time: datetime = row["time"]
        parts = (
            *(series.station.id, f"{series.height:.1f}"),
            *(f"{time.year:04d}", f"{time.month:02d}", f"{time.day:02d}", f"{time.hour:02d}", f"{time.minute:02d}"),
            f"{decimal_year(time):.8f}",
            *(_icos(row["value"], 3), _icos(row["sd"], 3), str(row["n"])),
            *(ICOS_FLAGS[row["flag"]], series.system, str(row["flag"])),
            *(_icos(one, 3) for one in (series.ltr, series.cmr, None, series.bias, series.bias_u)),
            _icos(row["value"], 3),
        )
        out.write(";".join(parts) + "\n")
    return out.getvalue()


def obspack_name(series: Series) -> str:
    """Return the name by ObsPack's rule: species_site_platform_laboratory_selection."""
    site = series.station.id.replace("_", "-")
    selection = f"{series.selection}-{series.height:g}magl"
    return f"{series.gas.lower()}_{site}_surface-insitu_fluxtower_{selection}.nc"


def write_obspack(series: Series, path: Path) -> None:
    """Write hours as a netCDF in the manner of NOAA's ObsPack: mid-interval stamps, mole fractions in mol mol-1.

    ``qcflag`` has three characters: the first ``.`` if the value is good, ``*`` if not; the second ``P`` if it is
    provisional; the third is not used.
    """
    table, factor = series.table, SI_FACTORS[GAS_UNITS[series.gas]]
    start = table["time"].dt.epoch("s").to_numpy().astype(np.float64)
    with netCDF4.Dataset(path, "w", format="NETCDF4") as file:
        file.createDimension("obs", table.height)
        file.createDimension("string_of_3chars", 3)
        file.createDimension("calendar_components", 6)
        _put_times(file, start)
        for name, column, long_name in (
            ("value", "value", f"mole_fraction_of_{LONG_NAMES[series.gas]}_in_dry_air"),
            ("value_unc", "u", "uncertainty of value, 1 sigma"),
            ("value_std_dev", "sd", "standard deviation of what the mean is made of"),
        ):
            variable = file.createVariable(name, "f8", ("obs",), fill_value=FILL, zlib=True)
            variable.units, variable.long_name = "mol mol-1", long_name
            variable[:] = np.nan_to_num(table[column].cast(pl.Float64).fill_null(np.nan).to_numpy() * factor, nan=FILL)
        said = {"standard_name": f"mole_fraction_of_{LONG_NAMES[series.gas]}_in_air", "scale_comment": series.scale}
        file["value"].setncatts(said)
        count = file.createVariable("nvalue", "i4", ("obs",), zlib=True)
        count.long_name, count.units = "number of samples in the mean", "1"
        count[:] = table["n"].to_numpy()
        flag = file.createVariable("qcflag", "S1", ("obs", "string_of_3chars"), zlib=True)
        meaning = "... is good; first character: * bad or suspect; second: P provisional"
        flag.setncatts({"long_name": "quality control flag", "comment": meaning})
        flag[:] = np.array([list(qcflag(one)) for one in table["flag"]], "S1").reshape(table.height, 3)
        for name, value, unit in (
            ("latitude", series.station.latitude, "degrees_north"),
            ("longitude", series.station.longitude, "degrees_east"),
            ("altitude", series.station.altitude + series.height, "m"),
            ("elevation", series.station.altitude, "m"),
            ("intake_height", series.height, "m"),
        ):
            place = file.createVariable(name, "f8", ("obs",), zlib=True)
            place.units = unit
            place[:] = np.full(table.height, value)
        file["altitude"].setncatts({"comment": "of the intake above sea level: elevation plus intake_height"})
        file.setncatts(_attributes(series))


def decimal_year(time: datetime) -> float:
    """Return the year with the share of it that has passed."""
    begin = datetime(time.year, 1, 1, tzinfo=UTC)
    return time.year + (time - begin) / (datetime(time.year + 1, 1, 1, tzinfo=UTC) - begin)


def qcflag(flag: int) -> str:
    """Return the three characters of ObsPack's flag."""
    return {GOOD: "...", PROVISIONAL: ".P.", SUSPECT: "*..", BAD: "*.."}[flag]


def _put_times(file: netCDF4.Dataset, start: np.ndarray) -> None:
    units = "seconds since 1970-01-01T00:00:00Z"
    for name, values, long_name in (
        ("time", start + 1800.0, "middle of the averaging interval"),
        ("start_time", start, "start of the averaging interval"),
    ):
        variable = file.createVariable(name, "f8", ("obs",), zlib=True)
        variable.setncatts({"units": units, "long_name": long_name, "calendar": "gregorian"})
        variable[:] = values
    file["time"].setncatts({"standard_name": "time"})
    period = file.createVariable("midpoint_time", "f8", ("obs",), zlib=True)
    period.units, period.long_name = units, "as time"
    period[:] = start + 1800.0
    components = file.createVariable("time_components", "i4", ("obs", "calendar_components"), zlib=True)
    components.long_name = "year, month, day, hour, minute, second of time (UTC)"
    middles = [datetime.fromtimestamp(one, UTC) + timedelta(minutes=30) for one in start]
    components[:] = np.array(
        [(one.year, one.month, one.day, one.hour, one.minute, one.second) for one in middles], np.int32
    ).reshape(len(middles), 6)


def _attributes(series: Series) -> dict[str, object]:
    return {
        "Conventions": "CF-1.7",
        "dataset_name": obspack_name(series).removesuffix(".nc"),
        "dataset_parameter": series.gas.lower(),
        "dataset_project": "surface-insitu",
        "dataset_selection": series.selection,
        "dataset_selection_tag": f"{series.selection}-{series.height:g}magl",
        "dataset_calibration_scale": series.scale,
        "dataset_intake_ht": series.height,
        "dataset_intake_ht_unit": "m",
        "dataset_platform": "fixed",
        "site_code": series.station.id,
        "site_name": series.station.name,
        "site_latitude": series.station.latitude,
        "site_longitude": series.station.longitude,
        "site_elevation": series.station.altitude,
        "site_elevation_unit": "m",
        "site_utc2lst": series.station.utc_offset,
        "lab_1_abbr": "fluxtower",
        "obspack_name": "in the manner of ObsPack; made by Fluxtower, not by NOAA",
        "code_version": series.code_version,
        "station_file_sha256": series.config_sha256,
        "tank_files_sha256": series.tanks_sha256,
        "history": f"{series.made.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} made by {series.code_version}",
    }


def _icos(value: float | None, digits: int) -> str:
    return f"{MISSING_ICOS:.2f}" if value is None or not np.isfinite(value) else f"{value:.{digits}f}"
