"""PostgreSQL's binary COPY format and array parameters, built with numpy: a column at a time, no Python per value."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

from core.store.blocks import BlockArrays

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
EPOCH_2000_US = 946_684_800_000_000  # PostgreSQL counts microseconds since 2000
ELEMENT_TYPES = {
    "int2": (21, ">i2"),
    "int4": (23, ">i4"),
    "float4": (700, ">f4"),
    "float8": (701, ">f8"),
    "timestamptz": (1184, ">i8"),
}
"""Type of an element -> (its number in PostgreSQL, its bytes)."""


def array_dtype(element: str, n: int) -> np.dtype[Any]:
    """Return how an array of ``n`` elements without NULL stands on the wire."""
    items = np.dtype([("length", ">i4"), ("value", ELEMENT_TYPES[element][1])])
    head = [(name, ">i4") for name in ("ndim", "nulls", "oid", "size", "lower")]
    return np.dtype([*head, ("items", items, (n,))])


def fill_array(target: NDArray[Any], element: str, values: NDArray[Any] | None) -> None:
    """Fill fields of ``array_dtype``; ``values`` None leaves them out."""
    target["ndim"] = 1
    target["nulls"] = 0
    target["oid"] = ELEMENT_TYPES[element][0]
    target["size"] = target["items"].shape[-1]
    target["lower"] = 1
    target["items"]["length"] = target["items"]["value"].dtype.itemsize
    if values is not None:
        target["items"]["value"] = values


class RowFormat:
    """Rows of the binary COPY format, all of one shape.

    Parameters
    ----------
    columns : mapping of str to str or (str, int)
        Type of a column; with a number: an array of so many elements.
    repeat : mapping of str to int
        Columns that stand so many times, side by side.
    """

    def __init__(self, columns: dict[str, str | tuple[str, int]], repeat: dict[str, int] | None = None) -> None:
        fields: list[Any] = [("fields", ">i2")]
        number = 0
        for name, kind in columns.items():
            content = np.dtype(_SCALARS[kind]) if isinstance(kind, str) else array_dtype(*kind)
            framed = np.dtype([("length", ">i4"), ("content", content)])
            times = (repeat or {}).get(name)
            fields.append((name, framed, (times,)) if times else (name, framed))
            number += times or 1
        self._prototype: NDArray[Any] = np.zeros((), np.dtype(fields))
        self._prototype["fields"] = number
        for name, kind in columns.items():
            cell = self._prototype[name]
            cell["length"] = cell["content"].dtype.itemsize
            if not isinstance(kind, str):
                fill_array(cell["content"], kind[0], None)

    def rows(self, m: int) -> NDArray[Any]:
        """Return ``m`` rows in which only the values are missing."""
        rows = np.empty(m, self._prototype.dtype)
        # as bytes: numpy fills structures field by field
        rows.view(np.uint8).reshape(m, -1)[:] = np.frombuffer(self._prototype.tobytes(), np.uint8)
        return rows

    @property
    def itemsize(self) -> int:
        """Length of a row. [bytes]"""
        return self._prototype.dtype.itemsize

    def read(self, row: bytes) -> NDArray[Any]:
        """Return one row that came out of the database."""
        values: NDArray[Any] = np.frombuffer(row, self._prototype.dtype)[0]
        return values


_SCALARS = {"int4": ">i4", "int8": ">i8", "timestamptz": ">i8"}


def block_columns(channels: int) -> str:
    """Return the column list that ``block_rows`` fills."""
    return "time, station, stream, n, dt_ns, seq, " + ", ".join(f"c{i + 1}" for i in range(channels))


def block_rows(blocks: BlockArrays) -> bytes:
    """Encode blocks as rows of the binary COPY format, without header and trailer."""
    _, channels, n = blocks.samples.shape
    rows = _block_format(channels, n).rows(len(blocks))
    rows["time"]["content"] = blocks.time_us - EPOCH_2000_US
    rows["station"]["content"] = blocks.station
    rows["stream"]["content"] = blocks.stream
    rows["n"]["content"] = n
    rows["dt_ns"]["content"] = blocks.dt_ns
    rows["seq"]["content"] = blocks.seq
    rows["channels"]["content"]["items"]["value"] = blocks.samples
    return rows.tobytes()


@lru_cache(maxsize=256)
def _block_format(channels: int, n: int) -> RowFormat:
    keys: dict[str, str | tuple[str, int]] = {"time": "timestamptz", "station": "int4", "stream": "int4", "n": "int4"}
    return RowFormat({**keys, "dt_ns": "int8", "seq": "int8", "channels": ("float4", n)}, {"channels": channels})


class ArrayParameter:
    """A one-dimensional array as a parameter of a statement, encoded by numpy."""

    oid: ClassVar[int]
    element: ClassVar[str]

    def __init__(self, values: NDArray[Any]) -> None:
        flat = np.ascontiguousarray(values).reshape(-1)
        target = np.empty((), array_dtype(self.element, len(flat)))
        fill_array(target, self.element, flat)
        if not len(flat):
            target["ndim"] = 0
        # an empty array ends after the type
        self.data = target.tobytes() if len(flat) else target.tobytes()[:12]


class Int2Array(ArrayParameter):
    """``smallint[]``"""

    oid, element = 1005, "int2"


class Int4Array(ArrayParameter):
    """``int[]``"""

    oid, element = 1007, "int4"


class Float4Array(ArrayParameter):
    """``real[]``"""

    oid, element = 1021, "float4"


class Float8Array(ArrayParameter):
    """``double precision[]``"""

    oid, element = 1022, "float8"


class TimeArray(ArrayParameter):
    """``timestamptz[]``, from microseconds since 1970 UTC."""

    oid, element = 1185, "timestamptz"

    def __init__(self, values: NDArray[np.int64]) -> None:
        super().__init__(values - EPOCH_2000_US)


def _register(kind: type[ArrayParameter]) -> None:
    class ArrayDumper(Dumper):
        format = Format.BINARY
        oid = kind.oid

        def dump(self, obj: ArrayParameter) -> Buffer:
            return obj.data

    psycopg.adapters.register_dumper(kind, ArrayDumper)


for _kind in (Int2Array, Int4Array, Float4Array, Float8Array, TimeArray):
    _register(_kind)
