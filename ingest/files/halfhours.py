"""Tables of half-hours that other programs made, under FLUXNET names and in FLUXNET units.

FLUXNET, AmeriFlux BASE, ICOS and our own tables; EddyPro's FLUXNET output, full output and biomet; REddyProc's text;
eddy covariance of the Heihe and ChinaFLUX stations.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import polars as pl

from core.errors import PayloadError
from core.variables import VARIABLES
from ingest.files.fluxnet import MeasuredColumn, find_columns, split_name
from ingest.files.opening import opened
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
from ingest.files.text_columns import TextTable, decode, read_text_table, separator_of, split_fields

MAX_BYTES = 1 << 30
"""Largest table. [bytes]"""
LOCAL_TIME = pl.Datetime("us")
HALF_HOUR = timedelta(minutes=30)
ISO_STAMPS = ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")
HEIHE_STAMPS = (*ISO_STAMPS, "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S")
_STAMPS = ("TIMESTAMP_START", "TIMESTAMP_END")
_EDDYPRO_FLUXNET = frozenset({"FILENAME_HF", "NUM_BIOMET_VARS", "SC_SINGLE", "TA_EP", "VPD_EP", "DOY_START"})
_HEIHE_STAMPS = ("DATE/TIME", "DATETIME", "DATE_TIME", "TIMESTAMP", "TIME")
LATENT_HEAT = 2.45e6
"""Of water at 20 degC. [J kg-1]"""
FILLED_SHARE = 0.02
"""Share of gaps of FC from which on an NEE beside it without any gap has been filled."""


@dataclass(frozen=True, slots=True)
class HalfHours:
    """A table of intervals, one after the other as the file has them.

    Attributes
    ----------
    frame : pl.DataFrame
        ``start``, ``end`` (local standard time, naive); FLUXNET variables in FLUXNET units, missing is null.
    maker : str
        What made it: ``AmeriFlux BASE``, ``EddyPro``, ``EddyPro FLUXNET output``, ``REddyProc``, ``FLUXNET``...
    sources : mapping of str to str
        FLUXNET variable -> the file's column.
    left_out : mapping of str to str
        Columns that are not taken -> why.
    lines : pl.Series of int
        Line of the file in which each interval stands.
    notes, problems : tuple of str
        What was assumed; what is wrong.
    """

    frame: pl.DataFrame
    maker: str
    sources: Mapping[str, str]
    left_out: Mapping[str, str] = field(repr=False, default_factory=dict)
    lines: pl.Series = field(repr=False, default_factory=lambda: pl.Series("line", [], dtype=pl.Int64))
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def minutes(self) -> int:
        """The most frequent step of the stamps. [min]"""
        return _minutes(_step(self.frame["start"]))


def read_halfhours(path: Path) -> HalfHours:
    """Read a table of half-hours, plain, gzip or zip; its header tells what it is.

    Raises
    ------
    PayloadError
        It is none of the tables known, a stamp cannot be read, or a number is none: names file, line and remedy.
    """
    text, notes = _text(path)
    table = parse_halfhours(text, path.name)
    return replace(table, notes=(*notes, *table.notes))


def read_biomet(path: Path) -> HalfHours:
    """Read the meteorology beside a table of fluxes: EddyPro's biomet, or any table of ``read_halfhours``.

    Raises
    ------
    PayloadError
        As of ``read_halfhours``.
    """
    text, notes = _text(path)
    lines = _lines(text)
    separator = separator_of(lines)
    names = split_fields(lines[0], separator) if lines else []
    if not _is_biomet(names):
        table = parse_halfhours(text, path.name)
    else:
        table = _guarded(lambda: _biomet(lines, names, separator, path.name), path.name)
    return replace(table, notes=(*notes, *table.notes))


def join_biomet(table: HalfHours, biomet: HalfHours, file: str) -> HalfHours:
    """Add the meteorology of a second table, interval by interval; its values count before the table's own.

    Raises
    ------
    PayloadError
        No interval is in both.
    """
    other = biomet.frame.unique("end", keep="last", maintain_order=True).drop("start")
    both = int(table.frame["end"].is_in(other["end"].to_list()).sum())
    if not both:
        raise PayloadError(
            f"{file}: none of its {biomet.frame.height} half-hours is one of the table's: give the biomet of the same "
            "time, with stamps of the end"
        )
    frame = table.frame.join(other, on="end", how="left", suffix="_biomet", maintain_order="left")
    names = [name for name in biomet.sources if name in other.columns]
    twice = [name for name in names if f"{name}_biomet" in frame.columns]
    frame = frame.with_columns(pl.coalesce(f"{name}_biomet", name).alias(name) for name in twice)
    frame = frame.drop([f"{name}_biomet" for name in twice])
    notes = [f"{', '.join(names)} are of {file}"]
    if both < table.frame.height:
        notes.append(f"{file}: {table.frame.height - both} of {table.frame.height} half-hours are not in it")
    sources = {**table.sources, **{name: f"{biomet.sources[name]} ({file})" for name in names}}
    left = {**table.left_out, **{f"{name} ({file})": why for name, why in biomet.left_out.items()}}
    return replace(
        table, frame=frame, sources=sources, left_out=left,
        notes=(*table.notes, *biomet.notes, *notes), problems=(*table.problems, *biomet.problems),
    )  # fmt: skip


def _text(path: Path) -> tuple[str, tuple[str, ...]]:
    with opened(path) as one:
        content = one.stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise PayloadError(f"{path.name}: more than {MAX_BYTES} bytes: split it by years")
    return decode(content, path.name)


def parse_halfhours(text: str, file: str) -> HalfHours:
    """Read the text of a table; as ``read_halfhours``."""
    return _guarded(lambda: _parse(text, file), file)


def _guarded(read: Callable[[], HalfHours], file: str) -> HalfHours:
    try:
        return read()
    except (pl.exceptions.PolarsError, csv.Error, OverflowError) as error:
        what = str(error).splitlines()[0][:200]
        raise PayloadError(f"{file}: this is no whole table: {what}: fetch it anew") from None


def _lines(text: str) -> list[str]:
    lines = re.split(r"\r\n|\n|\r", text)
    return lines[:-1] if lines and not lines[-1] else lines


def _parse(text: str, file: str) -> HalfHours:
    lines = _lines(text)
    comments = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    if comments == len(lines):
        raise PayloadError(f"{file}: line 1: the file is empty: fetch it anew")
    separator = separator_of(lines[comments:])
    names = split_fields(lines[comments], separator)
    small = {name.casefold() for name in names}
    if {name.casefold() for name in _STAMPS} & small:
        return _fluxnet(
            lines[comments + 1 :], names, separator, comments + 2, file, _maker(lines[:comments], names, file)
        )
    if {"date", "time", "qc_tau"} <= small:
        units = (
            split_fields(lines[comments + 1], separator) if "[" in "".join(lines[comments + 1 : comments + 2]) else []
        )
        first = comments + 1 + bool(units)
        return _eddypro(lines[first:], names, units, separator, first + 1, file)
    if len(lines) > comments + 2 and "qc_tau" in lines[comments + 1].casefold():
        names, units = (split_fields(line, separator) for line in lines[comments + 1 : comments + 3])
        return _eddypro(lines[comments + 3 :], names, units, separator, comments + 4, file)
    if {"year", "doy", "hour"} <= small:
        units = split_fields(lines[comments + 1], separator) if len(lines) > comments + 1 else []
        return _reddyproc(lines[comments + 2 :], names, units, separator, comments + 3, file)
    if {"hs", "le", "fc"} <= small and names[0].upper() in _HEIHE_STAMPS:
        return _heihe(lines[comments + 1 :], names, separator, comments + 2, file)
    if _is_biomet(names):
        raise PayloadError(
            f"{file}: line {comments + 1}: this is EddyPro's biomet: give it by --biomet FILE, beside its full output"
        )
    raise PayloadError(
        f"{file}: line {comments + 1}: no TIMESTAMP_START (FLUXNET, AmeriFlux), no date, time and qc_Tau (EddyPro's "
        f"full output), no Year, DoY, Hour (REddyProc) and no DATE/TIME, Hs, LE, Fc (Heihe): it begins with "
        f"{', '.join(names[:6])!a}"
    )


def _maker(comments: Sequence[str], names: Sequence[str], file: str) -> str:
    if "Site" in "".join(comments):
        return "AmeriFlux BASE"
    if _EDDYPRO_FLUXNET & set(names):
        return "EddyPro FLUXNET output"
    if file.startswith("ICOSETC") or any(name.endswith("_UNCLEANED") for name in names):
        return "ICOS ETC L2"
    return "FLUXNET"


def _fluxnet(
    lines: Sequence[str], names: Sequence[str], separator: str, first: int, file: str, maker: str
) -> HalfHours:
    found, notes = find_columns(names)
    stamp_names = [name for stamp in _STAMPS for name in names if name.upper() == stamp]
    used = {*stamp_names, *(text for ones in found.values() for one in ones for text in (one.column, one.quality))}
    table = read_text_table(lines, names, used, separator, first, file)
    table.notes += notes
    stamps = {
        name.upper(): table.stamps(table.cells[name], name, ("%Y%m%d%H%M", "%Y%m%d%H%M%S")) for name in stamp_names
    }
    starts, ends = _both(stamps, table)
    minutes = _minutes(_step(starts))
    columns: dict[str, pl.Series] = {}
    sources: dict[str, MeasuredColumn] = {}
    for variable, candidates in found.items():
        taken = _first_with_values(table, variable, candidates, columns)
        if taken is not None:
            sources[variable] = taken
    _choose_exchange(table, columns, sources)
    _mend_evapotranspiration(table, columns, maker, minutes)
    for variable, one in sources.items():
        if one.note:
            table.notes.append(one.note)
        if one is not found[variable][0]:
            table.notes.append(f"{found[variable][0].column} is empty: {one.column} is taken for {variable}")
    chosen = {variable: one.column for variable, one in sources.items()}
    left = _left_out(
        names, {*stamp_names, *(text for one in sources.values() for text in (one.column, one.quality))}, chosen
    )
    return _finished(table, starts, ends, columns, maker, chosen, left)


def _first_with_values(
    table: TextTable, variable: str, candidates: Sequence[MeasuredColumn], columns: dict[str, pl.Series]
) -> MeasuredColumn | None:
    """Read the first column of a variable that has a value; return it, and an empty first one where none has."""
    for one in candidates:
        values = table.measured(one.column, variable)
        if one.quality:
            values = values.set(table.number(one.quality).ne_missing(0.0), None)
        if values.null_count() < values.len() or one is candidates[-1]:
            columns[variable] = values
            return one if values.null_count() < values.len() else candidates[0]
    return None


def _choose_exchange(table: TextTable, columns: dict[str, pl.Series], sources: dict[str, MeasuredColumn]) -> None:
    """Choose between NEE and FC, where both are there: an NEE without gaps beside an FC with some has been filled."""
    if not {"NEE", "FC"} <= columns.keys():
        return
    nee, fc, name = columns["NEE"], columns["FC"], sources["NEE"].column
    if fc.null_count() == fc.len() or nee.null_count() == nee.len():
        return
    if nee.null_count() < FILLED_SHARE / 4 * nee.len() and fc.null_count() > FILLED_SHARE * fc.len():
        del columns["NEE"], sources["NEE"]
        table.notes.append(
            f"FC is taken, and not {name}: {name} has hardly a gap where FC has {fc.null_count()}, so it is filled; to "
            "take it, remove FC"
        )
        return
    flags = " and its flag" if "FC_SSITC_TEST" in columns else ""
    table.notes.append(f"NEE is {name}, and not made of FC: FC{flags} is not used for it; to take FC, remove {name}")


def _mend_evapotranspiration(table: TextTable, columns: dict[str, pl.Series], maker: str, minutes: int) -> None:
    """Bring ET from mm h-1 to mm in the interval, where the maker writes it so, or the latent heat says so."""
    if "ET" not in columns or minutes == 60:
        return
    hourly = maker == "EddyPro FLUXNET output"
    if not hourly and "LE" in columns:
        expected = columns["LE"] / LATENT_HEAT * 60 * minutes
        ratio = (columns["ET"] / expected).filter(expected.abs() > 0.01).median()
        hourly = isinstance(ratio, float) and abs(ratio * minutes / 60 - 1) < 0.1
    if hourly:
        columns["ET"] = columns["ET"] * (minutes / 60)
        table.notes.append(f"ET is in mm h-1 there, and was brought to mm in {minutes} minutes")


def _both(stamps: Mapping[str, pl.Series], table: TextTable) -> tuple[pl.Series, pl.Series]:
    """Return starts and ends; tell where the one contradicts the other."""
    start, end = (stamps.get(name) for name in _STAMPS)
    if start is None or end is None:
        one = next(iter(stamps.values()))
        step = _step(one)
        return (one, one + step) if end is None else (one - step, one)
    step = _step(start)
    lengths = end - start
    wrong = (lengths != step).fill_null(value=True)
    if wrong.any():
        row = wrong.arg_max() or 0
        minutes = lengths[row].total_seconds() / 60
        table.problems.append(
            f"{table.file}: line {table.lines[row]}: TIMESTAMP_END is {minutes:g} minutes after TIMESTAMP_START, but "
            f"the step is {_minutes(step)} minutes ({int(wrong.sum())} such rows): correct the stamps; the START counts"
        )
    return start, end


def _eddypro(
    lines: Sequence[str], names: Sequence[str], units: Sequence[str], separator: str, first: int, file: str
) -> HalfHours:
    known = {name: EDDYPRO[own] for own, name in match_names(names, EDDYPRO).items()}
    day, time = (next((name for name in names if name.casefold() == word), word) for word in ("date", "time"))
    table = read_text_table(lines, names, {day, time, *known}, separator, first, file)
    moments = table.cells.select(pl.concat_str([day, time], separator=" ").alias("end")).to_series()
    ends = table.stamps(moments, "date, time", ISO_STAMPS)
    if units:
        check_units(names, units, known, first - 1, file)
    return _renamed(table, known, ends, "EddyPro", {day, time, "filename", "DOY", "daytime"})


def _reddyproc(
    lines: Sequence[str], names: Sequence[str], units: Sequence[str], separator: str, first: int, file: str
) -> HalfHours:
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


def _heihe(lines: Sequence[str], names: Sequence[str], separator: str, first: int, file: str) -> HalfHours:
    known = {name: HEIHE[own] for own, name in match_names(names, HEIHE).items()}
    table = read_text_table(lines, names, {names[0], *known}, separator, first, file)
    ends = table.stamps(table.cells[names[0]], names[0], HEIHE_STAMPS)
    table.notes.append(
        "stamps are taken as those of the END in the station's standard time (Beijing time: utc_offset = 8), Fc as mg "
        "CO2 m-2 s-1 (times 22.72)"
    )
    return _renamed(table, known, ends, "Heihe", {names[0]})


def _is_biomet(names: Sequence[str]) -> bool:
    small = [name.casefold() for name in names[:3]]
    return small[:2] == ["date", "time"] or small[:1] == ["timestamp_1"]


def _biomet(lines: Sequence[str], names: Sequence[str], separator: str, file: str) -> HalfHours:
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
    step = _step(ends)
    columns: dict[str, pl.Series] = {}
    sources: dict[str, str] = {}
    for name, named in known.items():
        columns[named.variable] = table.measured(name, named.variable, *to_fluxnet(named, _minutes(step)))
        sources[named.variable] = name
    if maker == "EddyPro" and "TAU" in columns:
        # its version 6 gives the size, version 7 the flux: downward is negative with us
        columns["TAU"] = -columns["TAU"].abs()
    left = {name: why_left_out(name) for name in table.names if name and name not in known and name not in others}
    return _finished(table, ends - step, ends, columns, maker, sources, left)


def _left_out(names: Sequence[str], used: set[str], chosen: Mapping[str, str]) -> dict[str, str]:
    """Say why columns of a FLUXNET table are not taken."""
    left = {}
    for name in names:
        if not name or name in used:
            continue
        base, rest = split_name(name)
        if rest.endswith(("_QC", "_SD", "_N", "UNC", "_SE")) and base not in ("", name.upper()):
            left[name] = "it belongs to another column"
        elif base in chosen:
            left[name] = f"{base} is {chosen[base]}"
        elif base == "NEE" and "FC" in chosen:
            left[name] = f"NEE is made of {chosen['FC']}"
        elif base and base != "NEE":
            left[name] = f"its end is not known: rename it {base} if it is what was measured"
        else:
            left[name] = "nothing here is made of it"
    return left


def _finished(
    table: TextTable, starts: pl.Series, ends: pl.Series, columns: Mapping[str, pl.Series], maker: str,
    sources: Mapping[str, str], left_out: Mapping[str, str],
) -> HalfHours:  # fmt: skip
    series = {"start": starts.cast(LOCAL_TIME), "end": ends.cast(LOCAL_TIME), **columns}
    ordered = [name for name in VARIABLES if name in columns]
    frame = pl.DataFrame([series[name].alias(name) for name in ("start", "end", *ordered)])
    problems = (*table.problems, *_off_the_hour(table, starts, _step(starts)))
    return HalfHours(frame, maker, dict(sources), dict(left_out), table.lines, tuple(table.notes), problems)


def _off_the_hour(table: TextTable, starts: pl.Series, step: timedelta) -> list[str]:
    """Tell stamps that stand beside the full steps of the day: those of the middle, say."""
    minutes = _minutes(step)
    if minutes < 2 or 1440 % minutes:
        return []
    off = (starts.dt.epoch("s") % (minutes * 60)).cast(pl.Int64)
    usual = int(off.mode().sort()[0])
    if not usual:
        return []
    row = int((off == usual).arg_max() or 0)
    cause = "they are those of the middle" if usual * 2 == minutes * 60 else "the clock is off, or they are UTC"
    return [
        f"{table.file}: line {table.lines[row]}: intervals of {minutes} minutes begin at {starts[row]:%H:%M}, "
        f"{usual / 60:g} minutes beside the full step: are the stamps right? ({cause}); give those of START or END; "
        "nothing was shifted"
    ]


def _step(times: pl.Series) -> timedelta:
    """Return the most frequent step of a series of times; half an hour for a single one."""
    steps = times.diff().drop_nulls()
    steps = steps.filter(steps > timedelta(0))
    return HALF_HOUR if steps.is_empty() else steps.mode().sort()[0]


def _minutes(step: timedelta) -> int:
    return round(step / timedelta(minutes=1))
