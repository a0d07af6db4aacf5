"""Tables under names of their own: EddyPro's full output and biomet, REddyProc's text, Heihe and ChinaFLUX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl

from core.errors import PayloadError
from ingest.files.halfhour_table import HalfHours, finish_table, minutes_of, step_of
from ingest.files.peer_columns import (
    EDDYPRO,
    HEIHE,
    REDDYPROC,
    Column,
    biomet_column,
    check_units,
    match_names,
    to_fluxnet,
    why_left_out,
)
from ingest.files.text_columns import TextTable, read_text_table, split_fields

ISO_STAMPS = ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")
HEIHE_STAMPS = (*ISO_STAMPS, "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S")
HEIHE_STAMP_NAMES = ("DATE/TIME", "DATETIME", "DATE_TIME", "TIMESTAMP", "TIME")


def read_eddypro(
    lines: Sequence[str], names: Sequence[str], units: Sequence[str], separator: str, first: int, file: str
) -> HalfHours:
    """Read the rows of EddyPro's full output; ``first``: the line of the first of them."""
    known = {name: EDDYPRO[own] for own, name in match_names(names, EDDYPRO).items()}
    day, time = (next((name for name in names if name.casefold() == word), word) for word in ("date", "time"))
    table = read_text_table(lines, names, {day, time, *known}, separator, first, file)
    moments = table.cells.select(pl.concat_str([day, time], separator=" ").alias("end")).to_series()
    ends = table.stamps(moments, "date, time", ISO_STAMPS)
    if units:
        check_units(names, units, known, first - 1, file)
    return _renamed(table, known, ends, "EddyPro", {day, time, "filename", "DOY", "daytime"})


def read_reddyproc(
    lines: Sequence[str], names: Sequence[str], units: Sequence[str], separator: str, first: int, file: str
) -> HalfHours:
    """Read the rows of REddyProc's text; ``first``: the line of the first of them."""
    known = {name: REDDYPROC[own] for own, name in match_names(names, REDDYPROC).items()}
    check_units(names, units, known, first - 1, file)
    clock = [next(name for name in names if name.casefold() == word) for word in ("year", "doy", "hour")]
    table = read_text_table(lines, names, {*clock, *known}, separator, first, file)
    year, day, hour = (table.number(name) for name in clock)
    parts = pl.DataFrame({"year": year, "day": day, "hour": hour})
    ends = parts.select(
        pl.datetime(pl.col("year").cast(pl.Int32), 1, 1)
        + pl.duration(days=pl.col("day").cast(pl.Int64) - 1)
        + pl.duration(minutes=(pl.col("hour") * 60).round().cast(pl.Int64))
    ).to_series()
    if ends.null_count():
        line = table.lines[ends.is_null().arg_max() or 0]
        raise PayloadError(f"{file}: line {line}: Year, DoY, Hour: a number is missing")
    return _renamed(table, known, ends, "REddyProc", set(clock))


def read_heihe(lines: Sequence[str], names: Sequence[str], separator: str, first: int, file: str) -> HalfHours:
    """Read the rows of a table of Heihe or ChinaFLUX; ``first``: the line of the first of them."""
    known = {name: HEIHE[own] for own, name in match_names(names, HEIHE).items()}
    table = read_text_table(lines, names, {names[0], *known}, separator, first, file)
    ends = table.stamps(table.cells[names[0]], names[0], HEIHE_STAMPS)
    table.notes.append(
        "stamps are taken as those of the END in the station's standard time (Beijing time: utc_offset = 8), Fc as mg "
        "CO2 m-2 s-1 (times 22.72)"
    )
    return _renamed(table, known, ends, "Heihe", {names[0]})


def is_biomet(names: Sequence[str]) -> bool:
    """Tell by its columns whether a table is EddyPro's biomet."""
    small = [name.casefold() for name in names[:3]]
    return small[:2] == ["date", "time"] or small[:1] == ["timestamp_1"]


def read_biomet_lines(lines: Sequence[str], names: Sequence[str], separator: str, file: str) -> HalfHours:
    """Read the lines of EddyPro's biomet below its names: units, and rows."""
    if len(lines) < 2:
        raise PayloadError(f"{file}: line 2: expected a line of units: fetch it anew")
    units = split_fields(lines[1], separator)
    clock = [name for name in names if name.casefold() in ("date", "time") or name.casefold().startswith("timestamp_")]
    known: dict[str, Column] = {}
    left: dict[str, str] = {}
    problems = []
    for name, words in zip(names, units, strict=False):
        one = biomet_column(name, words)
        if isinstance(one, str):
            problems.append(f"{file}: line 2: {one}; it is left out")
            left[name] = "its unit is not known"
        elif one is not None and any(one.variable == other.variable for other in known.values()):
            left[name] = f"{one.variable} is another column of its kind"
        elif one is not None:
            known[name] = one
    table = read_text_table(lines[2:], names, {*clock, *known}, separator, 3, file)
    table.problems += problems
    moments = table.cells.select(pl.concat_str(clock, separator=" ").alias("end")).to_series()
    ends = table.stamps(moments, ", ".join(clock), (*ISO_STAMPS, "%Y-%m-%d %H%M"))
    found = _renamed(table, known, ends, "EddyPro biomet", {*clock, "DOY"})
    return replace(found, left_out={**found.left_out, **left})


def _renamed(table: TextTable, known: Mapping[str, Column], ends: pl.Series, maker: str, others: set[str]) -> HalfHours:
    """Return a table whose columns are known by name, in FLUXNET units."""
    step = step_of(ends)
    columns: dict[str, pl.Series] = {}
    sources: dict[str, str] = {}
    for name, named in known.items():
        columns[named.variable] = table.measured(name, named.variable, *to_fluxnet(named, minutes_of(step)))
        sources[named.variable] = name
    if maker == "EddyPro" and "TAU" in columns:
        # its version 6 gives the size, version 7 the flux: downward is negative with us
        columns["TAU"] = -columns["TAU"].abs()
    left = {name: why_left_out(name) for name in table.names if name and name not in known and name not in others}
    return finish_table(table, ends - step, ends, columns, maker, sources, left)
