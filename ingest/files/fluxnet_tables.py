"""Tables under FLUXNET names: FLUXNET, AmeriFlux BASE, ICOS, EddyPro's FLUXNET output and our own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from ingest.files.fluxnet import MeasuredColumn, find_columns, split_name
from ingest.files.halfhour_table import HalfHours, finish_table, minutes_of, step_of
from ingest.files.text_columns import TextTable, read_text_table

FLUXNET_STAMPS = ("TIMESTAMP_START", "TIMESTAMP_END")
_EDDYPRO_FLUXNET = frozenset({"FILENAME_HF", "NUM_BIOMET_VARS", "SC_SINGLE", "TA_EP", "VPD_EP", "DOY_START"})
LATENT_HEAT = 2.45e6
"""Of water at 20 degC. [J kg-1]"""
FILLED_SHARE = 0.02
"""Share of gaps of FC from which on an NEE beside it without any gap has been filled."""


def maker_of(comments: Sequence[str], names: Sequence[str], file: str) -> str:
    """Tell who made a table under FLUXNET names, by its lines of comment, its columns and the name of its file."""
    if "Site" in "".join(comments):
        return "AmeriFlux BASE"
    if _EDDYPRO_FLUXNET & set(names):
        return "EddyPro FLUXNET output"
    if file.startswith("ICOSETC") or any(name.endswith("_UNCLEANED") for name in names):
        return "ICOS ETC L2"
    return "FLUXNET"


def read_fluxnet(
    lines: Sequence[str], names: Sequence[str], separator: str, first: int, file: str, maker: str
) -> HalfHours:
    """Read the rows of a table under FLUXNET names; ``first``: the line of the first of them."""
    found, notes = find_columns(names)
    stamp_names = [name for stamp in FLUXNET_STAMPS for name in names if name.upper() == stamp]
    used = {*stamp_names, *(text for ones in found.values() for one in ones for text in (one.column, one.quality))}
    table = read_text_table(lines, names, used, separator, first, file)
    table.notes += notes
    stamps = {
        name.upper(): table.stamps(table.cells[name], name, ("%Y%m%d%H%M", "%Y%m%d%H%M%S")) for name in stamp_names
    }
    starts, ends = _both(stamps, table)
    minutes = minutes_of(step_of(starts))
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
    return finish_table(table, starts, ends, columns, maker, chosen, left)


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
    start, end = (stamps.get(name) for name in FLUXNET_STAMPS)
    if start is None or end is None:
        one = next(iter(stamps.values()))
        step = step_of(one)
        return (one, one + step) if end is None else (one - step, one)
    step = step_of(start)
    lengths = end - start
    wrong = (lengths != step).fill_null(value=True)
    if wrong.any():
        row = wrong.arg_max() or 0
        minutes = lengths[row].total_seconds() / 60
        table.problems.append(
            f"{table.file}: line {table.lines[row]}: TIMESTAMP_END is {minutes:g} minutes after TIMESTAMP_START, but "
            f"the step is {minutes_of(step)} minutes ({int(wrong.sum())} such rows): correct the stamps; the START "
            "counts"
        )
    return start, end


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
