"""LI-COR's ``.data``, the table in a ``.ghg``: lines about the instrument, then the names; its clock is UTC."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import BinaryIO

from core.errors import PayloadError
from ingest.files.format import FileStream
from ingest.files.layouts import MAX_LINE_BYTES, Layout, check_units, fields_of, make_layout
from ingest.files.stamps import EPOCH
from ingest.files.text import text_format

MAX_HEADER_LINES = 100
"""The line of names is the eighth or so."""


def read_layout(source: BinaryIO, file: str, stream: FileStream) -> Layout:
    """Read the header up to the line of names; as ``text.LayoutReader``."""
    line, number = b"", 0
    while number < MAX_HEADER_LINES and not line.startswith(b"DATAH\t") and (number == 0 or line):
        line, number = source.readline(MAX_LINE_BYTES), number + 1
    if not line.startswith(b"DATAH\t"):
        raise PayloadError(
            f"{file}: line {number}: no line of names that begins with DATAH: this is no .data file of LI-COR"
        )
    names = fields_of(line, "\t", file, number)
    units = [match[1] if (match := re.search(r"\(([^()]+)\)$", name)) else "" for name in names]
    told = check_units(names, units, stream.declared, file, number, check=stream.layout.check_units)
    tabbed = stream.layout.model_copy(update={"separator": "\t", "time_format": EPOCH})
    times = ("Seconds", "Nanoseconds")
    layout = make_layout(names, times, number + 1, replace(stream, layout=tabbed), file, f"line {number}", number)
    return replace(layout, notes=(*layout.notes, *told))


FORMAT = text_format(read_layout, clock_utc=True)
