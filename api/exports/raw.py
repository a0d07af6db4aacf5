"""Raw half-hours as files of a logger: TOA5, ICOS' CSV, Parquet; many of them as a zip."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta

import polars as pl

from api.exports.arrow import write_parquet
from api.exports.formats import ExportFile
from api.exports.series import ExportTable
from core.clock import fluxnet_stamp

TOA5_UNITS = {"deg C": "Deg C", "1": ""}
"""Words of a logger for units that it writes otherwise."""


def raw_file(export: ExportTable, form: str) -> ExportFile:
    """Write the samples of a half-hour in one of ``RAW_FORMATS``; stamps and names are local standard time."""
    extension, write = RAW_FORMATS[form]
    station = export.station
    site = station.metadata.fluxnet_id or station.metadata.ameriflux_id or station.id
    stamp = fluxnet_stamp(export.start, station.station.utc_offset)
    middle = f"EC_{stamp}_L01_F01" if form == "icos" else f"{export.what}_{stamp}"
    return ExportFile(f"{site}_{middle}.{extension}", "application/octet-stream", write(export))


def zip_stream(files: Iterable[ExportFile]) -> Iterator[bytes]:
    """Yield a zip of files as they come; no more than one of them is in memory."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in files:
            archive.writestr(file.name, file.content)
            yield sink.take()
    yield sink.take()


class _Sink(io.RawIOBase):
    """A stream that cannot go back, from which what was written is taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Keep bytes until they are taken."""
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """Return what was written since the last time."""
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def _toa5(export: ExportTable) -> bytes:
    place, names = export.station.station, list(export.units)
    units = [TOA5_UNITS.get(unit, unit) for unit in export.units.values()]
    head = (
        ["TOA5", place.id, "fluxtower", "", "", "", export.provenance.get("config_sha256", "")[:12], export.what],
        ["TIMESTAMP", "RECORD", *names],
        ["TS", "RN", *units],
        ["", "", *["Smp"] * len(names)],
    )
    lines = "".join(",".join(f'"{word}"' for word in row) + "\r\n" for row in head)
    local = (pl.col("time") + timedelta(hours=place.utc_offset)).dt.strftime("%Y-%m-%d %H:%M:%S%.3f")
    table = export.values.select(local.alias("time"), pl.int_range(pl.len()).alias("record"), *names)
    body = table.write_csv(
        include_header=False, null_value='"NAN"', line_terminator="\r\n", quote_style="never", float_scientific=False
    )
    return (lines + body).encode()


def _icos(export: ExportTable) -> bytes:
    table = export.values.drop("time")
    return table.write_csv(null_value="NaN", line_terminator="\r\n", float_scientific=False).encode()


RAW_FORMATS: Mapping[str, tuple[str, Callable[[ExportTable], bytes]]] = {
    "toa5": ("dat", _toa5),
    "icos": ("csv", _icos),
    "parquet": ("parquet", write_parquet),
}
"""Format -> extension, and who writes it."""
