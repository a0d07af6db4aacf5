"""CF-1.11 and ACDD-1.3 in a classic netCDF file with 64-bit offsets.

The classic format is written by plain Python: netCDF's C library must not be called by two threads at a time.
"""

from __future__ import annotations

from datetime import datetime
from io import BytesIO
from typing import Any

import numpy as np
import polars as pl
from scipy.io import netcdf_file

from api.exports.series import TIMES, Column, ExportTable
from core.station import Person

MISSING = -9999
CF_UNITS = {
    "deg C": "degree_Celsius", "deg F": "degree_Fahrenheit", "deg": "degree", "fraction": "1", "kt": "knot",
    "mph": "mile hour-1", "inHg": "inch_Hg",
}  # fmt: skip
"""Units whose words UDUNITS does not know."""
TEMPERATURES = ("deg C", "deg F", "K")
STAMP = "%Y-%m-%dT%H:%M:%SZ"


def write_netcdf(export: ExportTable) -> bytes:
    """Return a netCDF file: ``time`` is the START of each interval (UTC), with bounds; one station."""
    content = _Kept()
    file: Any = netcdf_file(content, "w", version=2)
    for key, value in _attributes(export).items():
        setattr(file, key, value)
    file.createDimension("time", export.values.height)
    _write_place(file, export)
    _write_times(file, export)
    for column in export.columns:
        _write_column(file, column, export.values[column.name])
    file.close()
    return content.kept


class _Kept(BytesIO):
    """A file in memory that is still there after ``netcdf_file`` has closed it."""

    kept = b""

    def close(self) -> None:
        """Keep the content."""
        if not self.closed:
            self.kept = self.getvalue()
        super().close()


def _write_place(file: Any, export: ExportTable) -> None:
    place = export.station.station
    id = np.array(list(place.id.encode()), "u1").view("S1")
    file.createDimension("name_strlen", id.size)
    _write(file, "station_id", "c", ("name_strlen",), id, {"cf_role": "timeseries_id", "long_name": "station id"})
    degrees = {"latitude": (place.latitude, "degrees_north", "Y"), "longitude": (place.longitude, "degrees_east", "X")}
    for name, (value, units, axis) in degrees.items():
        said = {"standard_name": name, "long_name": f"{name} of the tower", "units": units, "axis": axis}
        _write(file, name, "f8", (), np.array(value), said | _content("coordinate"))
    height = {"standard_name": "altitude", "long_name": "ground above sea level", "units": "m", "positive": "up"}
    _write(
        file, "altitude", "f8", (), np.array(float(place.altitude)), {**height, "axis": "Z"} | _content("coordinate")
    )


def _write_times(file: Any, export: ExportTable) -> None:
    seconds = [export.values[name].dt.epoch("us").to_numpy() / 1e6 for name in export.times]
    said = {"standard_name": "time", "long_name": TIMES[export.times[0]], "axis": "T", "calendar": "standard"}
    said |= {"units": "seconds since 1970-01-01T00:00:00Z", "units_metadata": "leap_seconds: none"}
    if len(seconds) > 1:
        said |= {"bounds": "time_bnds"}
        file.createDimension("nv", 2)
        _write(file, "time_bnds", "f8", ("time", "nv"), np.stack(seconds, axis=-1), {})
    _write(file, "time", "f8", ("time",), seconds[0], said | _content("coordinate"))


def _write_column(file: Any, column: Column, values: pl.Series) -> None:
    kind = "i4" if column.whole else "f8"
    said: dict[str, Any] = dict(column.attributes)
    said["units"] = CF_UNITS.get(column.unit, column.unit)
    if column.flags:
        said["flag_values"] = np.array(list(column.flags), "i4")
        del said["units"]
    if column.unit in TEMPERATURES:
        spread = column.cell_method == "standard_deviation" or not column.cell_method
        said["units_metadata"] = "temperature: difference" if spread else "temperature: on_scale"
    said |= {"coordinates": "latitude longitude altitude station_id", "_FillValue": np.array(MISSING, kind)}
    said |= _content("qualityInformation" if column.flags else "physicalMeasurement")
    _write(file, column.name, kind, ("time",), values.fill_null(MISSING).to_numpy(), said)


def _write(
    file: Any, name: str, kind: str, dimensions: tuple[str, ...], values: Any, attributes: dict[str, Any]
) -> None:
    variable = file.createVariable(name, kind, dimensions)
    if values.size:  # a dimension of length 0 is one of records, of which there is none
        variable[...] = values
    for key, value in attributes.items():
        setattr(variable, key, value.encode() if isinstance(value, str) else value)


def _content(kind: str) -> dict[str, str]:
    return {"coverage_content_type": kind}


def _attributes(export: ExportTable) -> dict[str, Any]:
    """Return the global attributes: CF's, ACDD's, then what every format says; what nobody has given is left out."""
    place, more = export.station.station, export.station.metadata
    person = more.pi or more.contact
    keeper = more.contact or more.pi
    made = export.made.strftime(STAMP) if export.made else None
    shape = {"lat": place.latitude, "lon": place.longitude, "vertical": place.altitude}
    said: dict[str, Any] = {
        **export.about,
        "Conventions": "CF-1.11, ACDD-1.3",
        "featureType": "timeSeries",
        "cdm_data_type": "Station",
        "summary": f"{export.title}. {place.description}".strip(),
        "keywords": "eddy covariance, ecosystem-atmosphere exchange, " + ", ".join(one.name for one in export.columns),
        "id": f"{place.id}_{export.what}",
        "naming_authority": more.doi or "fluxtower",
        "source": place.source or "eddy covariance and meteorology of a tower",
        "processing_level": export.state,
        "comment": "time marks the START of each interval",
        "standard_name_vocabulary": "CF Standard Name Table v90",
        "history": f"{made} made by fluxtower {export.provenance.get('code_version', '')}".strip() if made else None,
        "date_created": made,
        "license": more.licence or "not stated",
        "institution": (person.organisation if person else None) or place.name,
        "project": "fluxtower",
        "creator_name": person.name if person else None,
        "creator_email": person.email if person else None,
        "creator_url": _page_of(person),
        "publisher_name": keeper.name if keeper else None,
        "publisher_email": keeper.email if keeper else None,
        "publisher_url": _page_of(keeper),
        **{f"geospatial_{key}_{end}": float(value) for key, value in shape.items() for end in ("min", "max")},
        "geospatial_lat_units": "degrees_north",
        "geospatial_lon_units": "degrees_east",
        "geospatial_vertical_units": "m",
        "geospatial_vertical_positive": "up",
        "geospatial_bounds": f"POINT ({place.latitude} {place.longitude})",
        "geospatial_bounds_crs": "EPSG:4326",
        "geospatial_bounds_vertical_crs": "EPSG:5714",
        "time_coverage_start": export.start.strftime(STAMP),
        "time_coverage_end": export.end.strftime(STAMP),
        "time_coverage_duration": _duration(export.start, export.end),
        "time_coverage_resolution": f"PT{export.step.total_seconds():g}S",
    }
    return {
        key: value.encode() if isinstance(value, str) else value for key, value in said.items() if value is not None
    }


def _page_of(person: Person | None) -> str | None:
    return f"https://orcid.org/{person.orcid}" if person and person.orcid else None


def _duration(start: datetime, end: datetime) -> str:
    length = end - start
    return f"P{length.days}DT{length.seconds}S"
