"""CSV as raw files: the station file says what its columns and its times are."""

from __future__ import annotations

from typing import BinaryIO

from core.errors import PayloadError
from ingest.files.format import FileStream
from ingest.files.layouts import Layout, fields_of, header_lines, make_layout
from ingest.files.text import text_format


def read_layout(source: BinaryIO, file: str, stream: FileStream) -> Layout:
    """Read as many header lines as the station file says; as ``text.LayoutReader``."""
    files = stream.layout
    lines = header_lines(source, files.header_rows, file)
    if len(lines) < files.header_rows:
        raise PayloadError(
            f"{file}: line {len(lines)}: the header ends before its line {files.header_rows}: fetch the file anew, or "
            f"correct {stream.part} header_rows in the station file"
        )
    row = files.names_row
    names = list(files.columns) or fields_of(lines[row - 1], files.separator, file, row)
    where = f"{stream.part} columns" if files.columns else f"line {row}"
    names_row = 0 if files.columns else row
    return make_layout(names, files.time_columns, files.header_rows + 1, stream, file, where, names_row)


CSV = text_format(read_layout, described=True)
# one header line, no stamps, the time in the file's name
ICOS_CSV = text_format(read_layout, described=True, start="_EC_%Y%m%d%H%M")
