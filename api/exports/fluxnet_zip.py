"""A season as a zip in FLUXNET's manner: half-hours to years, README, list of variables, licence.

It is called by who made it: FLUXNET's own names of products belong to FLUXNET's own pipeline.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import polars as pl

from api.exports.fluxnet import MISSING, write_fluxnet
from api.exports.series import ExportTable
from core.clock import local_standard
from fluxcalc.season.aggregates import SIZES, unit_of
from fluxcalc.season.products import coarser_results, has_mean
from fluxcalc.season.record import FLUXES

STAMPS = {"DD": "%Y%m%d", "WW": "%Y%m%d", "MM": "%Y%m", "YY": "%Y"}
NOT_RESULTS = (*FLUXES, "USTAR", "NEE_FLAG")
"""Series of a product that are not results: measured, with gaps, and why one is not used."""
UNKNOWN_DATE = (1980, 1, 1, 0, 0, 0)
"""The first that a zip can say."""


def write_fluxnet_zip(export: ExportTable) -> bytes:
    """Return the zip; the same table gives the same bytes."""
    export = _without_empty(export)
    content = BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, text in _files(export):
            entry = zipfile.ZipInfo(name, export.made.timetuple()[:6] if export.made else UNKNOWN_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text, compresslevel=1)
    return content.getvalue()


def _without_empty(export: ExportTable) -> ExportTable:
    """Leave out what the run does not have: the store knows names of more than a season of most stations has."""
    columns = tuple(
        one for one in export.columns if export.values.is_empty() or export.values[one.name].is_not_null().any()
    )
    names = [*export.times, *(column.name for column in columns)]
    return replace(export, columns=columns, values=export.values.select(names))


def stem_of(export: ExportTable, size: str) -> str:
    """Return e.g. ``FLT_CN-Din_FLUXTOWER_HH_2012-2013_run12``: site, resolution, years, what it was made of."""
    place = export.station.station
    first = local_standard(export.start, place.utc_offset).year
    last = local_standard(max(export.start, export.end - export.step), place.utc_offset).year
    site = export.station.metadata.fluxnet_id or place.id
    return f"FLT_{site}_FLUXTOWER_{size}_{first}-{last}_{export.what.rpartition('-')[2]}"


def _files(export: ExportTable) -> Iterator[tuple[str, str]]:
    offset, values = export.station.station.utc_offset, export.values
    yield (
        f"{stem_of(export, 'HH')}.csv",
        write_fluxnet(values.drop("end"), utc_offset=offset, minutes=export.minutes),
    )
    for size, table in aggregates_of(export).items():
        yield f"{stem_of(export, size)}.csv", _write_coarser(table, size)
    yield "variables.csv", _variables(export).write_csv()
    yield "README.txt", _readme(export)
    yield "LICENCE.txt", _licence(export)


def aggregates_of(export: ExportTable) -> dict[str, pl.DataFrame]:
    """Return days, weeks, months and years by the season's own rules, ``start`` and ``end`` in local standard time."""
    step, offset = export.step, timedelta(hours=export.station.station.utc_offset)
    if export.values.is_empty():
        return {}
    local = export.values.drop("end").with_columns(pl.col("start").dt.replace_time_zone(None) + offset)
    grid = local.select(pl.datetime_range(pl.col("start").min(), pl.col("start").max(), step))
    regular = grid.join(local, on="start", how="left", maintain_order="left")
    names = [name for name in export.units if name not in NOT_RESULTS and has_mean(name)]
    results = {name: regular[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in names}
    return {size: coarser_results(results, regular["start"], size, round(timedelta(days=1) / step)) for size in SIZES}


def _write_coarser(table: pl.DataFrame, size: str) -> str:
    stamps = [pl.col("start").dt.strftime(STAMPS[size]).alias("TIMESTAMP")]
    if size == "WW":
        ends = pl.col("end").dt.strftime(STAMPS[size]).alias("TIMESTAMP_END")
        stamps = [stamps[0].alias("TIMESTAMP_START"), ends]
    numbers = pl.exclude("start", "end").fill_nan(None).round_sig_figs(7)
    return table.select(*stamps, numbers).write_csv(null_value=MISSING, float_scientific=False)


def _variables(export: ExportTable) -> pl.DataFrame:
    rows = [
        {
            "variable": column.name,
            "unit_HH": column.unit,
            **{f"unit_{size}": _unit(column.name, column.unit, size) for size in SIZES},
            "cell_method": column.cell_method,
            "flag_values": " ".join(f"{value}={meaning}" for value, meaning in column.flags.items()),
            "flags_and_uncertainties": " ".join(column.ancillary),
            "description": column.long_name,
        }
        for column in export.columns
    ]
    return pl.DataFrame(rows)


def _unit(name: str, unit: str, size: str) -> str:
    """Return the unit of a variable in a coarser table; empty where it has none there."""
    if name in NOT_RESULTS or not has_mean(name):
        return ""
    return unit_of(name, size) or unit


def _readme(export: ExportTable) -> str:
    place = export.station.station
    said = "\n".join(f"{key}: {value}" for key, value in export.about.items() if key != "provenance")
    return f"""{export.title}

Made by Fluxtower, not by the FLUXNET pipeline; names, units and resolutions are FLUXNET's.
Place: {place.latitude} deg N, {place.longitude} deg E, {place.altitude} m.
Files: HH half-hours, DD days, WW weeks (52 a year, the last of 8 or 9 days), MM months, YY years;
variables.csv says what each column is. TIMESTAMP, TIMESTAMP_START and TIMESTAMP_END are local standard time,
UTC{place.utc_offset:+g} h. Missing is {MISSING}.
A period that is not whole or misses a half-hour has no mean. _QC of coarser tables is the share measured or
filled well.
Percentiles of versions by thresholds of u* (_VUT_, _CUT_) stand in HH alone: those of days and more are not those of
the half-hours; `fluxtower season` writes them.

{said}
"""


def _licence(export: ExportTable) -> str:
    more, place = export.station.metadata, export.station.station
    licence = more.licence or "not stated: ask the station before you publish (metadata.licence is not given)"
    lines = [f"Station: {place.id}, {place.name}", f"Licence: {licence}"]
    lines += [f"DOI: {more.doi}"] if more.doi else []
    lines += [f"Acknowledgement: {more.acknowledgement}"] if more.acknowledgement else []
    lines += [f"Data made: {export.made:%Y-%m-%d}"] if export.made else []
    return "\n".join(lines) + "\n"
