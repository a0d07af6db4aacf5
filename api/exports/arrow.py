"""Parquet and Arrow IPC: a unit and its words at every field, where it comes from in the schema."""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import Any

import nanoarrow as na
import polars as pl
from nanoarrow.c_array_stream import CArrayStream
from nanoarrow.ipc import StreamWriter

from api.exports.series import TIMES, ExportTable


def write_parquet(export: ExportTable) -> bytes:
    """Return Parquet (zstd); attributes of columns stand in the Arrow schema, those of the table also beside it."""
    content = BytesIO()
    with warnings.catch_warnings():
        # polars calls metadata of files, and an Arrow schema beside a table, unstable
        warnings.simplefilter("ignore")
        export.values.write_parquet(
            content, metadata=dict(export.about), arrow_schema=na.Schema(_schema(export.values, export))
        )
    return content.getvalue()


def write_arrow(export: ExportTable) -> bytes:
    """Return an Arrow IPC stream with the attributes of the table and of its columns in its schema."""
    values = export.values.rechunk()
    stream = CArrayStream.from_c_arrays(list(na.c_array_stream(values)), _schema(values, export), validate=False)
    content = BytesIO()
    with StreamWriter.from_writable(content) as writer:
        writer.write_stream(stream)
    return content.getvalue()


def _schema(values: pl.DataFrame, export: ExportTable) -> Any:
    said = {name: {"long_name": words, "units": "UTC"} for name, words in TIMES.items()}
    said |= {column.name: column.attributes for column in export.columns}
    plain = na.c_schema(na.c_array_stream(values.clear()).get_schema())
    fields = [plain.child(i).modify(metadata=said[name]) for i, name in enumerate(values.columns)]
    return plain.modify(children=fields, metadata=export.about)
