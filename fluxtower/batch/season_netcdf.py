"""A season's half-hours as a netCDF file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import netcdf_file, netcdf_variable

from fluxcalc.season.columns import describe, unit
from fluxcalc.season.products import half_hour_series
from fluxcalc.season.record import Season

MISSING = -9999.0
STANDARD_NAMES = {
    "TA_F": "air_temperature", "PA_F": "air_pressure", "RH_F": "relative_humidity", "WS_F": "wind_speed",
    "SW_IN_F": "surface_downwelling_shortwave_flux_in_air", "LE_F": "surface_upward_latent_heat_flux",
    "H_F": "surface_upward_sensible_heat_flux",
}  # fmt: skip
CF_UNITS = {"deg C": "degree_Celsius"}


def write_netcdf(season: Season, path: Path, provenance: Mapping[str, str]) -> None:
    """Write the half-hours as a classic netCDF file (64-bit offsets) under CF-1.11.

    Time is UTC, of the starts, with bounds.
    """
    unfinished = path.with_suffix(".part")
    epoch = np.datetime64("1970-01-01T00:00:00", "us")
    local = season.starts.to_numpy().astype("datetime64[us]")
    seconds = (local - epoch) / np.timedelta64(1, "s") - season.utc_offset * 3600
    with netcdf_file(unfinished, "w", version=2) as file:
        file.Conventions = "CF-1.11"
        file.featureType = "timeSeries"
        for key, value in provenance.items():
            setattr(file, key, value)
        file.createDimension("time", seconds.size)
        file.createDimension("bounds", 2)
        _variable(file, "time", "f8", ("time",), seconds, standard_name="time", bounds="time_bounds",
                  units="seconds since 1970-01-01 00:00:00", calendar="standard", axis="T")  # fmt: skip
        bounds = np.stack((seconds, seconds + season.minutes * 60), axis=1)
        _variable(file, "time_bounds", "f8", ("time", "bounds"), bounds)
        place = {"latitude": (season.latitude, "degrees_north"), "longitude": (season.longitude, "degrees_east")}
        for name, (degrees, units) in place.items():
            _variable(file, name, "f8", (), np.array(degrees), standard_name=name, units=units)
        for name, series in half_hour_series(season).items():
            own = unit(name)
            more: dict[str, Any] = {"standard_name": STANDARD_NAMES[name]} if name in STANDARD_NAMES else {}
            if name.endswith("_QC"):
                more |= {"flag_meanings": "measured good medium poor", "flag_values": np.array([0, 1, 2, 3], "f4")}
            file.variables[name] = netcdf_variable(_Late(series), "f", 4, series.shape, ("time",))
            _describe(file.variables[name], units=CF_UNITS.get(own, own), long_name=describe(name),
                      coordinates="latitude longitude", _FillValue=np.float32(MISSING), **more)  # fmt: skip
    unfinished.replace(path)


class _Late:
    """What is asked of an array to be written, made when it is: all series in single precision at once are large."""

    dtype = np.dtype(">f4")
    itemsize = dtype.itemsize

    def __init__(self, values: NDArray[Any]) -> None:
        self._values = values
        self.shape, self.size = values.shape, values.size

    def tobytes(self) -> bytes:
        """Return the values as the file has them."""
        content: bytes = np.nan_to_num(self._values, nan=MISSING).astype(self.dtype).tobytes()
        return content


def _variable(file: Any, name: str, kind: str, dimensions: tuple[str, ...], values: Any, **attributes: Any) -> None:
    variable = file.createVariable(name, kind, dimensions)
    variable[...] = values
    _describe(variable, **attributes)


def _describe(variable: Any, **attributes: Any) -> None:
    for key, attribute in attributes.items():
        setattr(variable, key, attribute)
