"""The one table from which every format is written: values, and what each column is.

A format that needs a unit, a flag's meaning or where a value comes from finds it here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

import polars as pl

from core.station import Channel, Station
from core.variables import base_name, flux_variable, season_unit, variable
from fluxcalc.season.columns import describe
from qc.codes import FLAGS as QC_FLAGS

State = Literal["provisional", "reviewed"]
SSITC = {0: "good", 1: "usable", 2: "bad"}
FLAGS: Mapping[str, Mapping[int, str]] = {
    "SSITC_TEST": SSITC,
    "QC": {0: "measured", 1: "filled_well", 2: "filled_medium", 3: "filled_poorly"},
    "FLAG": {0: "used", 1: "low_quality", 2: "outside_limits", 3: "spike", 4: "low_or_missing_ustar"},
    "METHOD": {1: "all_drivers", 2: "radiation_alone", 3: "mean_diurnal_course", 4: "learned"},
}
"""End of a flag column's name -> what its values mean."""
TIMES = {"start": "start of the interval", "end": "end of the interval", "time": "time"}
"""Columns of times, and what they are."""
COUNTS = ("N", "WINDOW")
SPREADS = ("SD", "SE", "RANDUNC", "JOINTUNC", "GAPUNC", "LOWER", "UPPER")
MODIFIERS = {
    "RANDUNC": "standard_error", "JOINTUNC": "standard_error", "GAPUNC": "standard_error", "SE": "standard_error",
    "N": "number_of_observations",
}  # fmt: skip
"""End of a name -> CF's modifier of the standard name."""
SUMS = ("P", "ET")
WITHOUT_METHOD = ("MO_LENGTH", "ZL", "FETCH_MAX", "FETCH_70", "FETCH_90", "USTAR_THRESHOLD")
"""Made of the interval's means rather than means themselves."""
GAS_WORDS = {"CO2": "carbon_dioxide", "CH4": "methane", "N2O": "nitrous_oxide"}
STANDARD_NAMES = {
    "TA": "air_temperature", "PA": "air_pressure", "RH": "relative_humidity", "WS": "wind_speed",
    "WS_MAX": "wind_speed",
    "WD": "wind_from_direction", "VPD": "water_vapor_saturation_deficit_in_air", "TS": "soil_temperature",
    "SWC": "volume_fraction_of_condensed_water_in_soil", "W_SIGMA": "upward_air_velocity",
    "H": "surface_upward_sensible_heat_flux", "LE": "surface_upward_latent_heat_flux",
    "FC": "surface_upward_mole_flux_of_carbon_dioxide", "NEE": "surface_upward_mole_flux_of_carbon_dioxide",
    "ET": "lwe_thickness_of_water_evaporation_amount", "G": "downward_heat_flux_in_soil",
    "USTAR": "magnitude_of_surface_friction_velocity_in_air", "MO_LENGTH": "atmosphere_obukhov_length",
    "TKE": "specific_turbulent_kinetic_energy_of_air", "NETRAD": "surface_net_downward_radiative_flux",
    "SW_IN": "surface_downwelling_shortwave_flux_in_air", "SW_OUT": "surface_upwelling_shortwave_flux_in_air",
    "LW_IN": "surface_downwelling_longwave_flux_in_air", "LW_OUT": "surface_upwelling_longwave_flux_in_air",
    "PPFD_IN": "surface_downwelling_photosynthetic_photon_flux_in_air",
    "P": "lwe_thickness_of_precipitation_amount", "H2O": "mole_fraction_of_water_vapor_in_air",
    **{gas: f"mole_fraction_of_{words}_in_air" for gas, words in GAS_WORDS.items()},
    **{f"{gas}_MIXING_RATIO": f"mole_fraction_of_{words}_in_dry_air" for gas, words in GAS_WORDS.items()},
}  # fmt: skip
"""CF's standard names, those of filled series, too; CF has none for the variables that are not here."""


@dataclass(frozen=True, slots=True)
class Column:
    """What a column of a table is.

    Attributes
    ----------
    name, unit, long_name : str
        FLUXNET name or the sender's, its unit (a key of ``UNITS``, or ``day``), words.
    standard_name, cell_method : str
        CF's; empty where there is none.
    flags : mapping of int to str
        What each value of a flag means; empty where it is none.
    whole : bool
        Whether its values are whole numbers: flags, and counts.
    ancillary : tuple of str
        Columns of the same table with its flags and uncertainties.
    """

    name: str
    unit: str
    long_name: str
    standard_name: str = ""
    cell_method: str = ""
    flags: Mapping[int, str] = field(default_factory=dict)
    whole: bool = False
    ancillary: tuple[str, ...] = ()

    @property
    def attributes(self) -> dict[str, str]:
        """What a file says of the column, by CF's names, as text."""
        said = {
            "units": self.unit,
            "long_name": self.long_name,
            "standard_name": self.standard_name,
            "cell_methods": f"time: {self.cell_method}" if self.cell_method else "",
            "flag_values": ", ".join(str(value) for value in self.flags),
            "flag_meanings": " ".join(self.flags.values()),
            "ancillary_variables": " ".join(self.ancillary),
        }
        return {key: value for key, value in said.items() if value}


@dataclass(frozen=True, slots=True)
class ExportTable:
    """A station's series of a period, as every format takes it.

    Attributes
    ----------
    station : Station
    what : str
        In names of files: ``fluxes``, ``season-run12``, a stream's name.
    title : str
    values : pl.DataFrame
        ``start`` and ``end`` of each interval, or the ``time`` of each value (UTC), then the columns; missing is null,
        never NaN.
    columns : tuple of Column
        One of each column of ``values`` behind the times.
    start, end : datetime
        The period, UTC.
    step : timedelta
    state : str
        ``reviewed`` if the station has signed all of it and nothing changed since, else ``provisional``.
    made : datetime or None
        When the newest of the values was computed or stored; None without a value.
    provenance : mapping of str to str
        What made it: run, configuration, program.
    """

    station: Station
    what: str
    title: str
    values: pl.DataFrame
    columns: tuple[Column, ...]
    start: datetime
    end: datetime
    step: timedelta
    state: State
    made: datetime | None
    provenance: Mapping[str, str]

    @property
    def times(self) -> tuple[str, ...]:
        """Columns of times: ``start`` and ``end``, or ``time``."""
        return tuple(name for name in TIMES if name in self.values.columns)

    @property
    def minutes(self) -> int:
        """Length of an interval, for formats of half-hours."""
        return round(self.step.total_seconds() / 60)

    @property
    def units(self) -> dict[str, str]:
        """Column -> unit."""
        return {column.name: column.unit for column in self.columns}

    @property
    def about(self) -> dict[str, str]:
        """What a file says of itself."""
        place, more = self.station.station, self.station.metadata
        said = {
            "title": self.title,
            "station": place.id,
            "station_name": place.name,
            "time": "UTC, start and end of the interval" if "end" in self.times else "UTC",
            "state": self.state,
            "made": f"{self.made:%Y-%m-%dT%H:%M:%SZ}" if self.made else "",
            "licence": more.licence or "",
            "doi": more.doi or "",
            "principal_investigator": more.pi.name if more.pi else "",
            "contact": (more.contact.email or more.contact.name) if more.contact else "",
            "igbp": more.igbp or "",
            "ameriflux_id": more.ameriflux_id or "",
            "fluxnet_id": more.fluxnet_id or "",
            "acknowledgement": more.acknowledgement or "",
            "not_given": ", ".join(more.missing),
        }
        return {key: value for key, value in said.items() if value} | dict(self.provenance)


def flux_columns(names: Sequence[str]) -> tuple[Column, ...]:
    """Describe columns of half-hours as they are published."""
    return _describe(names, lambda name: flux_variable(name).unit, lambda name: flux_variable(name).en)


def season_columns(names: Sequence[str]) -> tuple[Column, ...]:
    """Describe half-hourly series of a season."""
    return _describe(names, season_unit, describe)


def channel_columns(channels: Sequence[Channel], *, flagged: bool = False) -> tuple[Column, ...]:
    """Describe channels of a stream in the sender's names and units, each with its flags behind it if it has some."""
    columns = []
    for channel in channels:
        words = variable(channel.variable).en
        standard = STANDARD_NAMES.get(base_name(channel.variable), "")
        flag = Column(
            f"{channel.name}_FLAG", "1", f"quality of {channel.name}", "quality_flag", flags=QC_FLAGS, whole=True
        )
        own = (flag.name,) if flagged else ()
        columns.append(Column(channel.name, channel.unit, words, standard, "point", ancillary=own))
        columns += [flag] if flagged else []
    return tuple(columns)


def without_nan(table: pl.DataFrame, columns: Sequence[Column]) -> pl.DataFrame:
    """Return the times and the columns; NaN becomes null, a flag a whole number."""
    times = [name for name in TIMES if name in table.columns]
    chosen = table.select(*times, *(column.name for column in columns)).fill_nan(None)
    return chosen.with_columns(pl.col(column.name).cast(pl.Int64) for column in columns if column.whole)


def _describe(names: Sequence[str], unit: Callable[[str], str], words: Callable[[str], str]) -> tuple[Column, ...]:
    return tuple(_column(name, names, unit(name), words(name)) for name in names)


def _column(name: str, names: Sequence[str], unit: str, words: str) -> Column:
    flags = next((meanings for end, meanings in FLAGS.items() if name.endswith(f"_{end}")), {})
    last = name.rpartition("_")[2]
    whole = bool(flags) or last in COUNTS
    plain = not whole and last not in SPREADS
    measured = name.removesuffix("_F")
    ends = (*FLAGS, *COUNTS, *SPREADS)
    ancillary = tuple(f"{name}_{end}" for end in ends if f"{name}_{end}" in names) if plain else ()
    standard = "quality_flag" if flags else STANDARD_NAMES.get(measured, "") if plain else _modified_name(name)
    return Column(name, unit, words, standard, _cell_method(measured) if plain else "", flags, whole, ancillary)


def _modified_name(name: str) -> str:
    """Return the standard name of an uncertainty or a count: that of its series with CF's modifier."""
    of, _, last = name.rpartition("_")
    standard = STANDARD_NAMES.get(of.removesuffix("_F"))
    return f"{standard} {MODIFIERS[last]}" if standard and last in MODIFIERS else ""


def _cell_method(name: str) -> str:
    if name in WITHOUT_METHOD:
        return ""
    if name.endswith("_SIGMA"):
        return "standard_deviation"
    if name.endswith("_MAX"):
        return "maximum"
    return "sum" if name in SUMS else "mean"
