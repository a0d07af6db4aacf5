"""Good raw files of every format, which `benchmarks/damaged_files.py` damages.

Every value says which record and which column it is of, so that wherever it turns up one can tell whether it belongs
there: that of record ``i`` in column ``c`` is ``(1500 (c + 1) + i) / 1000``, which each format holds exactly.
"""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from core.station import Station, parse_station
from tests.ingest import campbell_writer as writer

FIRST = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
"""START of the first record."""
STEP_MS = writer.INTERVAL_MS
PER_FRAME = 7
"""Records in a frame of TOB3."""
COLUMNS = ("Ux", "Uy", "Uz", "Ts")
ORDERS = ((0, 1, 2, 3), (1, 0, 3, 2), (3, 2, 0, 1))
"""Orders in which a header has them."""
SPAN = 1500
"""Most records of a file, so that a value says of which column it is."""
_UNITS = ("m/s", "m/s", "m/s", "C")
_KINDS = ("IEEE4", "FP2", "IEEE8", "IEEE4B")


def value_of(record: int, column: int) -> float:
    """Return what a record has in a column."""
    return (SPAN * (column + 1) + record) / 1000


class Entry(NamedTuple):
    """A record that is to be written: its number, its stamp in steps from the first one, and the header it is under."""

    record: int
    place: int
    order: Sequence[int] = ORDERS[0]


class Piece(NamedTuple):
    """Some bytes of a file: a header, or the records that a line or frame has."""

    content: bytes
    records: tuple[int, ...] = ()


Item = Entry | Sequence[int]
"""A record, or a header with the columns in this order."""


@dataclass(frozen=True, slots=True)
class Format:
    """How good files of a format are made."""

    station: Station
    name: str
    header: Callable[[Sequence[int]], bytes]
    pieces: Callable[[Sequence[Entry]], Iterable[Piece]]
    text: bool = True
    stamped: bool = True
    pack: Callable[[bytes], bytes] | None = None


def _station(files: str, names: Sequence[str] = COLUMNS) -> Station:
    kinds = zip(names, ("U", "V", "W", "T_SONIC"), ("m s-1", "m s-1", "m s-1", "deg C"), strict=True)
    channels = "".join(f'{{ name = "{a}", variable = "{b}", unit = "{c}" }},\n' for a, b, c in kinds)
    text = f"""
[station]
id = "damage"
name = "Damage"
latitude = 45.0
longitude = 10.0
altitude = 100.0
utc_offset = 0.0
[[stream]]
name = "ec"
kind = "block"
rate = {1000 / STEP_MS}
channels = [
{channels}]
[files]
{files}
"""
    return parse_station(text, "damage.toml")


def _time(place: int) -> datetime:
    return FIRST + timedelta(milliseconds=place * STEP_MS)


def _numbers(entry: Entry) -> list[str]:
    return [f"{value_of(entry.record, column):.3f}" for column in entry.order]


def _lines(write: Callable[[Entry], str]) -> Callable[[Sequence[Entry]], Iterable[Piece]]:
    return lambda entries: (Piece(write(one).encode(), (one.record,)) for one in entries)


def _toa5_header(order: Sequence[int]) -> bytes:
    return b"".join(
        [
            writer.line(["TOA5", "synth", "CR3000", "1234", "CR3000.Std.31", "CPU:synth.CR3", "4711", "ts_data"]),
            writer.line(["TIMESTAMP", "RECORD", *(COLUMNS[c] for c in order), "spare"]),
            writer.line(["TS", "RN", *(_UNITS[c] for c in order), "V"]),
            writer.line(["", "", *["Smp"] * 5]),
        ]
    )


def _toa5_line(entry: Entry) -> str:
    return f'"{_time(entry.place):%Y-%m-%d %H:%M:%S.%f}'[:-4] + f'",{entry.record},{",".join(_numbers(entry))},1\r\n'


def _csv_header(order: Sequence[int]) -> bytes:
    return (";".join(["time", "spare", *(COLUMNS[c] for c in order)]) + "\n").encode()


def _csv_line(entry: Entry) -> str:
    return f"{_time(entry.place):%Y-%m-%d %H:%M:%S.%f}"[:-3] + f";1;{';'.join(_numbers(entry))}\n"


def _icos_header(order: Sequence[int]) -> bytes:
    return (",".join(["spare", *(COLUMNS[c] for c in order)]) + "\n").encode()


def _icos_line(entry: Entry) -> str:
    return ",".join(["1", *_numbers(entry)]) + "\n"


def _ghg_header(order: Sequence[int]) -> bytes:
    names = [f"{COLUMNS[c]} ({_UNITS[c]})" for c in order]
    head = "Model:\tLI-7200 Enclosed CO2/H2O Analyzer\nSN:\tAIU-0123\nTimezone:\tUTC\n"
    return (head + "\t".join(["DATAH", "Seconds", "Nanoseconds", *names, "spare"]) + "\n").encode()


def _ghg_line(entry: Entry) -> str:
    time = _time(entry.place)
    fields = ["DATA", f"{int(time.timestamp())}", f"{time.microsecond * 1000}", *_numbers(entry), "1"]
    return "\t".join(fields) + "\n"


def zipped(table: bytes) -> bytes:
    """Pack a table as a .ghg."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t.data", table)
        archive.writestr("t.metadata", "[Timing]\nacquisition_frequency=20\n")
    return buffer.getvalue()


def _tob1_header(order: Sequence[int]) -> bytes:
    return writer.tob1(*([one[c] for c in order] for one in (COLUMNS, _UNITS, _KINDS)), [])


def _packed(entry: Entry) -> bytes:
    kinds = [_KINDS[c] for c in entry.order]
    return writer.pack(kinds, [value_of(entry.record, column) for column in entry.order])


def _tob1_pieces(entries: Sequence[Entry]) -> Iterable[Piece]:
    for one in entries:
        seconds, ms = divmod(round(_time(one.place).timestamp() * 1000), 1000)
        stamp = struct.pack("<LLL", seconds - writer.CAMPBELL_EPOCH, ms * 10**6, one.record)
        yield Piece(stamp + _packed(one), (one.record,))


def _tob3_header(order: Sequence[int]) -> bytes:
    size = 16 + PER_FRAME * len(_packed(Entry(0, 0)))
    return writer.tob3_header(*([one[c] for c in order] for one in (COLUMNS, _UNITS, _KINDS)), size)


def _tob3_pieces(entries: Sequence[Entry]) -> Iterable[Piece]:
    for i in range(0, len(entries), PER_FRAME):
        some = entries[i : i + PER_FRAME]
        start_ms = round(_time(some[0].place).timestamp() * 1000)
        data = b"".join(map(_packed, some))
        yield Piece(writer.frame(start_ms, some[0].record, data), tuple(one.record for one in some))


_GHG_NAMES = [f"{name} ({unit})" for name, unit in zip(COLUMNS, _UNITS, strict=True)]
_CSV = 'separator = ";"\ntime_columns = ["time"]\n'
FORMATS: dict[str, Format] = {
    "toa5": Format(
        _station('format = "toa5"\nstamps = "start"'),
        "t.dat",
        _toa5_header,
        _lines(_toa5_line),
        pack=gzip.compress,
    ),
    "csv": Format(_station(f'format = "csv"\n{_CSV}'), "t.csv", _csv_header, _lines(_csv_line)),
    "icos_csv": Format(
        _station('format = "icos_csv"'),
        "XX-Abc_EC_202606011200_L03_F01.csv",
        _icos_header,
        _lines(_icos_line),
        stamped=False,
    ),
    "ghg": Format(_station('format = "ghg"', _GHG_NAMES), "t.ghg", _ghg_header, _lines(_ghg_line), pack=zipped),
    "tob1": Format(
        _station('format = "tob1"\nstamps = "start"'),
        "t.dat",
        _tob1_header,
        _tob1_pieces,
        text=False,
        pack=gzip.compress,
    ),
    "tob3": Format(
        _station('format = "tob3"\nstamps = "start"'),
        "t.dat",
        _tob3_header,
        _tob3_pieces,
        text=False,
        pack=gzip.compress,
    ),
}


def good_items(dice: random.Random) -> list[Item]:
    """Return a header and some records of a good file."""
    count = PER_FRAME * dice.randrange(12, 40)
    return [ORDERS[0], *(Entry(i, i) for i in range(count))]
