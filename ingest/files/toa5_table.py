"""TOA5 as raw files: Campbell Scientific's text table, of which the header says names and units."""

from __future__ import annotations

from dataclasses import replace
from typing import BinaryIO

from ingest.files.format import FileStream
from ingest.files.header import HEADER_LINES, TIMESTAMP, parse_header
from ingest.files.layouts import Layout, check_units, header_lines, make_layout
from ingest.files.text import text_format


def read_layout(source: BinaryIO, file: str, stream: FileStream) -> Layout:
    """Read the four header lines; as ``text.LayoutReader``."""
    _origin, names, units, _process = parse_header(header_lines(source, HEADER_LINES, file), file)
    notes = check_units(names, units, stream.declared, file, 3, check=stream.layout.check_units)
    layout = make_layout(names, (TIMESTAMP,), HEADER_LINES + 1, stream, file, "line 2", 2)
    return replace(layout, notes=(*layout.notes, *notes))


# a last line without a line end is one that the logger had not finished
FORMAT = text_format(read_layout, stamps="end")
