"""Whether the formats that a station file names are there, and whether what it says about them fits."""

from __future__ import annotations

from collections.abc import Iterator

from core.clock import from_ns
from core.errors import ConfigError
from core.station import HJ212, FileLayout, Station, Stream
from ingest.files.format import FileFormat
from ingest.files.header import TIMESTAMP
from ingest.files.layouts import fault_of_pattern
from ingest.files.raw import FILE_FORMATS
from ingest.files.stamps import fault_of_format, has_zone, is_epoch, try_format
from ingest.hj212.codec.values import FIELDS
from ingest.payloads import FORMATS
from ingest.payloads.mapped_json import fault_of_time_format

DESCRIBING_KEYS = (
    *("separator", "decimal", "header_rows", "names_row", "columns", "time_columns", "time_format", "start", "end"),
)
"""Keys of ``[files]`` that only a format has whose files do not say it themselves."""


def check_formats(station: Station, file: str) -> None:
    """Check the formats of a station's messages and files.

    Parameters
    ----------
    station : Station
        The one that is checked.
    file : str
        What to call its file in errors.

    Raises
    ------
    ConfigError
        A format that is not there, whose package is broken, or that cannot be as the station file says; names the key,
        and the package. Further mistakes of this kind are in its ``more``.
    """
    errors = [*_message_errors(station, file), *_file_errors(station, file)]
    if errors:
        first, *more = errors
        raise ConfigError(file, first.key, first.expected, first.got, more=more)


def outside_formats(station: Station) -> Iterator[tuple[str, str]]:
    """Give the formats of a station that are other packages': (key of the station file and format, package)."""
    for i, stream in enumerate(station.stream):
        if stream.format is not None and (package := FORMATS.package_of(stream.format)):
            yield f"stream[{i}].format {stream.format}", package
    for key, layout in _layouts(station):
        if package := FILE_FORMATS.package_of(layout.format):
            yield f"{key}.format {layout.format}", package


def _message_errors(station: Station, file: str) -> Iterator[ConfigError]:
    for i, stream in enumerate(station.stream):
        if stream.format is not None:
            try:
                _check_stream(stream, stream.format, file, f"stream[{i}]")
            except ConfigError as error:
                yield error


def _check_stream(stream: Stream, name: str, file: str, key: str) -> None:
    if name == HJ212:
        _check_hj212(stream, file, key)
        return
    format = FORMATS.check(name, file, f"{key}.format")
    if stream.kind not in format.kinds:
        raise ConfigError(file, f"{key}.format", f"a format of a stream of kind {stream.kind}", repr(name))
    if stream.logger_utc_offset is not None and not format.local_times:
        offset = f"{stream.logger_utc_offset:g}"
        raise ConfigError(file, f"{key}.logger_utc_offset", "nothing: the stamps have a zone", offset)
    if stream.time_path and not format.has_paths:
        raise ConfigError(
            file, f"{key}.time_path", "nothing: the format says where the time is", repr(stream.time_path)
        )
    fault = fault_of_time_format(stream.time_format) if stream.time_path else None
    if fault:
        raise ConfigError(file, f"{key}.time_format", fault, repr(stream.time_format))
    if stream.columns and not format.needs_columns:
        expected = "nothing: the messages name their fields"
        raise ConfigError(file, f"{key}.columns", expected, repr(list(stream.columns)))
    for column in (TIMESTAMP, *stream.channel_fields) if stream.columns else ():
        if column not in stream.columns:
            raise ConfigError(file, f"{key}.columns", f"a column {column!r}", ", ".join(stream.columns))


def _check_hj212(stream: Stream, file: str, key: str) -> None:
    for name in ("columns", "time_path"):
        if getattr(stream, name):
            raise ConfigError(file, f"{key}.{name}", "nothing: frames of HJ 212 say it", repr(getattr(stream, name)))
    for i, channel in enumerate(stream.channels):
        code, dash, field = channel.sent_as.rpartition("-")
        if not (code and dash and field in FIELDS):
            expected = f"a code of HJ 212 with one of {', '.join(FIELDS)}, as a05001-Avg"
            raise ConfigError(file, f"{key}.channels[{i}].field", expected, repr(channel.sent_as))


def _file_errors(station: Station, file: str) -> Iterator[ConfigError]:
    for key, layout in _layouts(station):
        try:
            _check_layout(layout, FILE_FORMATS.check(layout.format, file, f"{key}.format"), file, key)
        except ConfigError as error:
            yield error


def _check_layout(layout: FileLayout, format: FileFormat, file: str, key: str) -> None:
    if not format.described:
        for name in DESCRIBING_KEYS:
            if name in layout.model_fields_set:
                expected = f"nothing: a file of format {layout.format} says it itself"
                raise ConfigError(file, f"{key}.{name}", expected, repr(getattr(layout, name)))
        return
    if bool(layout.time_columns) == bool(format.name_pattern(layout)):
        got = "both" if layout.time_columns else "neither"
        expected = "either time_columns or start, or end, to know when a sample was taken"
        raise ConfigError(file, f"{key}.time_columns", expected, got)
    _check_times(layout, file, key)
    if not layout.columns and layout.names_row > layout.header_rows:
        raise ConfigError(file, f"{key}.columns", f"names, for there is no header row {layout.names_row}", "nothing")


def _check_times(layout: FileLayout, file: str, key: str) -> None:
    """Check that what is said about times can be read, and once only."""
    if layout.start and layout.end:
        raise ConfigError(file, f"{key}.end", "nothing beside start", repr(layout.end))
    for name in ("start", "end"):
        pattern = getattr(layout, name)
        fault = fault_of_pattern(pattern) if pattern else None
        if fault:
            raise ConfigError(file, f"{key}.{name}", fault, repr(pattern))
    if not layout.time_columns:
        return
    fault = fault_of_format(layout.time_format, len(layout.time_columns))
    if fault:
        raise ConfigError(file, f"{key}.time_format", fault, repr(layout.time_format))
    if layout.utc_offset and has_zone(layout.time_format) and not is_epoch(layout.time_format):
        raise ConfigError(file, f"{key}.utc_offset", "nothing: the stamps have a zone", f"{layout.utc_offset:g}")


def sample_stamps(station: Station) -> Iterator[str]:
    """Say of each kind of file that the station file describes how a stamp looks, and what time it is read as."""
    for stream in station.stream:
        layout = station.layout_of(stream)
        format = FILE_FORMATS.get(layout.format)
        if format is None or not format.described or not layout.time_columns:
            continue
        stream_of_files = format.stream_of(station, stream.name)
        written, micros = try_format(layout.time_format)
        start = from_ns((micros or 0) * 1000 + stream_of_files.shift_ns)
        yield f"{stream.name}: a stamp {written!a} is that of a sample from {start.isoformat()}"


def _layouts(station: Station) -> Iterator[tuple[str, FileLayout]]:
    yield "files", station.files
    yield "files.meteorology", station.files.meteorology
