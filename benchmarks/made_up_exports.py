"""Tables to be exported, made up: half-hours with every variable, a season, readings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from api.exports.series import Column, ExportTable, channel_columns, flux_columns, season_columns, without_nan
from core.frames import PRODUCT_COLUMNS
from core.station import Station, parse_station
from core.variables import FLUX_COLUMNS, TRACE_COLUMNS, WEATHER_COLUMNS

START = datetime(2024, 12, 31, 16, tzinfo=UTC)
"""Midnight of 1 January at the station."""
HALF_HOUR = timedelta(minutes=30)
YEAR = 17_520
GAPS = 0.1
"""Share of half-hours without a value."""
STATION_TEXT = """
[station]
id = "cn-meadow"
name = "Made-up meadow"
latitude = 26.1
longitude = 117.4
altitude = 300
utc_offset = 8
description = "A meadow that nobody has seen."
source = "made up"
[[stream]]
name = "met"
kind = "reading"
interval = 1800
channels = [
    { name = "Tair", variable = "TA", unit = "deg C" },
    { name = "RH", variable = "RH", unit = "%" },
    { name = "Rain", variable = "P", unit = "mm" },
    { name = "Wind", variable = "WS", unit = "kt" },
]
[metadata]
igbp = "GRA"
licence = "CC-BY-4.0"
doi = "10.1234/meadow"
ameriflux_id = "US-Mdw"
fluxnet_id = "CN-Mdw"
acknowledgement = "Nobody was paid for it."
[metadata.pi]
name = "Li Wei"
email = "li@example.org"
organisation = "An academy"
orcid = "0000-0002-1825-0097"
[metadata.contact]
name = "Anna Ek"
email = "anna@example.org"
orcid = "0000-0002-1825-0097"
[[metadata.instrument]]
model = "CSAT3"
serial = "0042"
installed = 2024-05-01
"""


def station() -> Station:
    """Return the made-up station."""
    return parse_station(STATION_TEXT, "made-up")


def fluxes(count: int = YEAR) -> ExportTable:
    """Return half-hours with every variable that a flux station can have."""
    columns = flux_columns([*FLUX_COLUMNS, *TRACE_COLUMNS, *WEATHER_COLUMNS])
    return _table("fluxes", "Fluxes of a made-up meadow", columns, _values(columns, count))


def season(count: int = YEAR, versions: int = 0) -> ExportTable:
    """Return a season with every series that the store names, and so many more columns."""
    _, *named = PRODUCT_COLUMNS
    columns = season_columns([*named, *(f"NEE_VUT_{i:02d}" for i in range(versions))])
    return _table("season-run1", "Season of a made-up meadow", columns, _values(columns, count))


def readings(count: int = YEAR) -> ExportTable:
    """Return readings of four sensors."""
    columns = channel_columns(station().streams["met"].channels)
    table = _values(columns, count).drop("end").rename({"start": "time"})
    return _table("met", "Readings of a made-up meadow", columns, table)


def _values(columns: Sequence[Column], count: int) -> pl.DataFrame:
    random = np.random.default_rng(14)
    starts = pl.datetime_range(START, START + (count - 1) * HALF_HOUR, HALF_HOUR, time_unit="us", eager=True)
    table: dict[str, pl.Series] = {"start": starts, "end": starts + HALF_HOUR}
    for column in columns:
        numbers = random.choice([*column.flags] or [1, 2], count) if column.whole else random.normal(10, 3, count)
        gap = random.random(count) < GAPS
        table[column.name] = pl.Series(np.where(gap, np.nan, numbers))
    return pl.DataFrame(table)


def _table(what: str, title: str, columns: tuple[Column, ...], values: pl.DataFrame) -> ExportTable:
    end = values[:, 0].max()
    assert isinstance(end, datetime)
    return ExportTable(
        station=station(),
        what=what,
        title=title,
        values=without_nan(values, columns),
        columns=columns,
        start=START,
        end=end + HALF_HOUR,
        step=HALF_HOUR,
        state="provisional",
        made=end + timedelta(days=9),
        provenance={"config_sha256": "c" * 64, "code_version": "0"},
    )
