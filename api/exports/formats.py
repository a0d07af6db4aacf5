"""The formats of tables, one row each: what it is called, its media type, and who writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from api.exports.ameriflux import ameriflux_name, write_ameriflux
from api.exports.arrow import write_arrow, write_parquet
from api.exports.columns import write_csv
from api.exports.encode import file_name
from api.exports.fluxnet import write_fluxnet
from api.exports.fluxnet_zip import stem_of, write_fluxnet_zip
from api.exports.netcdf import write_netcdf
from api.exports.series import ExportTable


@dataclass(frozen=True, slots=True)
class Format:
    """A format.

    Attributes
    ----------
    media_type : str
    extension : str
        Of its files.
    write : callable
        ``(ExportTable) -> bytes``.
    name : callable
        ``(ExportTable, extension) -> file name``.
    """

    media_type: str
    extension: str
    write: Callable[[ExportTable], bytes]
    name: Callable[[ExportTable, str], str]


def _usual_name(export: ExportTable, extension: str) -> str:
    offset = export.station.station.utc_offset
    return file_name(export.station.id, export.what, export.start, export.end, offset, extension)


def _fluxnet_csv(export: ExportTable) -> bytes:
    table, offset = export.values.drop("end"), export.station.station.utc_offset
    return write_fluxnet(table, utc_offset=offset, minutes=export.minutes).encode()


def _csv_with_units(export: ExportTable) -> bytes:
    return write_csv(export.values, export.units).encode()


FORMATS: Mapping[str, Format] = {
    "csv": Format("text/csv; charset=utf-8", "csv", _fluxnet_csv, _usual_name),
    "csv-units": Format("text/csv; charset=utf-8", "csv", _csv_with_units, _usual_name),
    "parquet": Format("application/vnd.apache.parquet", "parquet", write_parquet, _usual_name),
    "arrow": Format("application/vnd.apache.arrow.stream", "arrows", write_arrow, _usual_name),
    "netcdf": Format("application/x-netcdf", "nc", write_netcdf, _usual_name),
    "fluxnet": Format(
        "application/zip",
        "zip",
        write_fluxnet_zip,
        lambda export, extension: f"{stem_of(export, 'ALL')}.{extension}",
    ),
    "ameriflux": Format(
        "text/csv; charset=utf-8",
        "csv",
        lambda export: write_ameriflux(export).encode(),
        lambda export, _: ameriflux_name(export),
    ),
}


COMPACT_TYPES = tuple(FORMATS[form].media_type for form in ("parquet", "arrow", "fluxnet"))
"""Media types of what is compressed already, or is meant to be quick: to compress it again costs more than it saves."""


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file that leaves the house."""

    name: str
    media_type: str
    content: bytes


def write_export(export: ExportTable, form: str) -> ExportFile:
    """Write a table in one of ``FORMATS``.

    Raises
    ------
    ExportError
        The station lacks what the format needs.
    """
    found = FORMATS[form]
    return ExportFile(found.name(export, found.extension), found.media_type, found.write(export))
