"""`fluxtower history`: half-hours that another program made, taken over into the database."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from core.errors import ConfigError, PayloadError
from core.records import FluxRecord
from core.station import Station
from core.store import StationRow, Store
from core.variables import FLUX_COLUMNS, TRACE_COLUMNS, VARIABLES, WEATHER_COLUMNS
from fluxtower.batch.season_input import columns_left_out
from ingest.files.account import FileAccount, Placed, describe_accounts, find_problems
from ingest.files.halfhours import HalfHours, read_halfhours
from ingest.files.records import LeftOut
from qc.flag_scales import FLAG_SCALES, map_flags
from qc.plausibility import describe_rejected, outside_limits

TAKEN_OVER = (*FLUX_COLUMNS, *TRACE_COLUMNS, *WEATHER_COLUMNS)
"""Variables that are taken over."""
BATCH_ROWS = 2000
"""Half-hours of a transaction."""


@dataclass(frozen=True, slots=True)
class HistorySummary:
    """What was taken over of one file.

    Attributes
    ----------
    file, maker : str
        What it is called, and what made it.
    intervals, stored : int
        Half-hours with a value in the file, and those that are new in the database.
    columns : tuple of str
        Variables taken over.
    left_out : tuple of str
        The file's columns that are not kept.
    notes, problems : tuple of str
        What was assumed, and what was not taken; what is wrong with the file.
    """

    file: str
    maker: str
    intervals: int
    stored: int
    columns: tuple[str, ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HistoryBatch:
    """What became of some files.

    Attributes
    ----------
    taken : list of HistorySummary
        Of each file that could be read.
    failed : list of str
        What is wrong with the others, in words.
    accounts : list of FileAccount
        What became of the rows of each file, those that could not be read included.
    """

    taken: list[HistorySummary] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    accounts: list[FileAccount] = field(default_factory=list)

    def problems(self) -> list[str]:
        """Return all that is wrong, in words."""
        of_files = [f"{one.file}: {problem}" for one in self.taken for problem in one.problems]
        return [*self.failed, *of_files, *find_problems(self.accounts)]

    def lines(self) -> list[str]:
        """Say what was taken of each file, and what is out of the ordinary."""
        accounts = {account.file: account for account in self.accounts}
        lines = []
        for one in self.taken:
            lines.append(
                f"{one.file} ({one.maker}): {one.stored:,} of {one.intervals:,} half-hours are new; "
                f"{', '.join(one.columns) or 'no column'} taken, {len(one.left_out)} columns not kept"
            )
            lines += [f"  {text}" for text in (*describe_accounts([accounts[one.file]]), *one.notes)]
        return lines

    def as_json(self) -> dict[str, object]:
        """Return it for a report."""
        return {
            "files": [
                {
                    "file": one.file,
                    "maker": one.maker,
                    "columns": one.columns,
                    "columns_left_out": one.left_out,
                    "notes": one.notes,
                }
                for one in self.taken
            ],
            "accounts": [account.as_json() for account in self.accounts],
            "problems": self.problems(),
        }


def take_over(store: Store, station_id: str, files: Sequence[Path], flags: str = "ssitc") -> HistoryBatch:
    """Store the half-hours of files where the station has none of its own.

    ``flags`` is the scale of their quality flags, one of ``FLAG_SCALES``.

    A file with which something is wrong does not keep the others from being taken.

    Raises
    ------
    ConfigError
        The station has no [flux], and so no intervals, or the scale of flags is not known.
    UnknownStation, StoreError
        The store does not know the station, or is away.
    """
    row = store.stations.read(station_id)
    if row.station.flux is None:
        raise ConfigError(station_id, "flux", "a station with [flux], whose intervals these are", "none")
    if flags not in FLAG_SCALES:
        raise ConfigError("command line", "--flags", f"one of {', '.join(FLAG_SCALES)}", repr(flags))
    with store.attempts.importing(station_id):
        return _take_over(store, row, files, flags)


def _take_over(store: Store, row: StationRow, files: Sequence[Path], flags: str) -> HistoryBatch:
    batch = HistoryBatch()
    for file in files:
        account = FileAccount(file.name)
        batch.accounts.append(account)
        try:
            table = keep_plausible(read_halfhours(file), flags)
            account.read = table.frame.height
            table = settle_rows(table, account)
            records = as_records(table, row.station, file.name)
        except PayloadError as error:
            batch.failed.append(str(error))
            why = str(error).removeprefix(f"{file.name}: ")
            account.placed, account.left_out = Placed(), [LeftOut(why, 1, account.read, file.stat().st_size)]
            continue
        made = f"{table.maker}: {file.name}"
        new: set[datetime] = set()
        for i in range(0, len(records), BATCH_ROWS):
            some = records[i : i + BATCH_ROWS]
            new |= store.fluxes.put_history(some, config_sha256=row.config_sha256, code_version=made)
        account.placed += Placed(used=len(new))
        there = [line for line, record in zip(table.lines, records, strict=True) if record.start not in new]
        if there:
            account.left_out.append(LeftOut("the station has these half-hours already", there[0], len(there)))
        kept = tuple(name for name in table.sources if name in TAKEN_OVER)
        rest = (*(source for name, source in table.sources.items() if name not in TAKEN_OVER), *table.left_out)
        batch.taken.append(
            HistorySummary(
                file.name, table.maker, len(records), len(new), kept, rest,
                notes=(*table.notes, *columns_left_out(table)), problems=table.problems,
            )
        )  # fmt: skip
    return batch


def settle_rows(table: HalfHours, account: FileAccount) -> HalfHours:
    """Leave out rows without a value that is taken over, repeated ones, and those that contradict each other.

    Parameters
    ----------
    table : HalfHours
    account : FileAccount
        Of its file; says afterwards how many these were.
    """
    names = [name for name in table.frame.columns if name in TAKEN_OVER]
    frame = table.frame.select("start", "end", *names).with_columns(table.lines.alias("_line"))
    has_value = pl.any_horizontal(pl.col(names).is_not_null()) if names else pl.lit(value=False)
    empty = frame.filter(~has_value)
    if empty.height:
        account.left_out.append(LeftOut("no value that is taken over", int(empty["_line"][0]), empty.height))
    full = frame.filter(has_value)
    once = full.unique(["start", "end", *names], keep="first", maintain_order=True)
    contested = once["start"].is_duplicated()
    account.placed += Placed(duplicate=full.height - once.height, contested=int(contested.sum()))
    settled = once.filter(~contested)
    if contested.any():
        first = once.filter(contested)
        account.notes.append(
            f"lines {first['_line'][0]} and {first.filter(first['start'] == first['start'][0])['_line'][1]} have "
            f"different values of {first['start'][0]:%Y-%m-%d %H:%M}"
        )
    return replace(table, frame=settled.drop("_line"), lines=settled["_line"].rename("line"))


def keep_plausible(table: HalfHours, flags: str = "ssitc") -> HalfHours:
    """Leave out values that cannot be, and bring flags to 0, 1, 2; say how many, and of what that is likely.

    Parameters
    ----------
    table : HalfHours
    flags : str
        Scale of its quality flags, one of ``FLAG_SCALES``.
    """
    notes, problems, columns = [], [], []
    for name in table.frame.columns[2:]:
        values = table.frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy().copy()
        limits, is_flag = VARIABLES[name], name.endswith("_SSITC_TEST")
        if is_flag:
            values = map_flags(values, flags)
        outside = outside_limits(name, values)
        if not outside.any():
            columns.append(pl.Series(name, values, nan_to_null=True))
            continue
        worst = float(np.nanmax(values))
        notes.append(f"{name}: {int(outside.sum())} values outside {limits.low:g} to {limits.high:g} are not taken")
        if is_flag:
            problems.append(
                f"{name} goes up to {worst:g}, and not 0, 1, 2: give the scale by --flags foken (1 to 9) or --flags "
                "goeckede (1 to 5); no flag of it is taken"
            )
            outside[:] = True
        elif problem := describe_rejected(name, values, outside):
            problems.append(problem)
        columns.append(pl.Series(name, np.where(outside, np.nan, values), nan_to_null=True))
    frame = table.frame.with_columns(columns)
    return replace(table, frame=frame, notes=(*table.notes, *notes), problems=(*table.problems, *problems))


def as_records(table: HalfHours, station: Station, file: str) -> list[FluxRecord]:
    """Turn a table into records of a station; rows without any value are left out.

    The net exchange of a table (``NEE``) is no flux of the sonic's height, and is not taken for ``FC``.

    Raises
    ------
    PayloadError
        Its intervals are not the station's.
    """
    flux = station.flux
    minutes = flux.averaging_minutes if flux else 30
    frame = table.frame
    lengths = (frame["end"] - frame["start"]).dt.total_minutes()
    off = (lengths != minutes) | (frame["start"].dt.epoch("s") % (minutes * 60) != 0)
    if off.any():
        first = off.arg_max() or 0
        line = f"line {table.lines[first]}" if table.lines.len() else f"row {first + 1}"
        if lengths[first] == minutes:
            raise PayloadError(
                f"{file}: {line}: an interval begins at {frame['start'][first]}, beside the full {minutes} minutes: "
                "are its stamps those of the middle? Give those of START or END"
            )
        raise PayloadError(
            f"{file}: {line}: an interval of {lengths[first]} minutes from {frame['start'][first]}; the "
            f"station's have {minutes} minutes: set `averaging_minutes`, or average the table first"
        )
    shift = timedelta(hours=station.station.utc_offset)
    names = [name for name in frame.columns if name in TAKEN_OVER]
    records = []
    for start, end, *values in frame.select("start", "end", *names).iter_rows():
        present = {name: float(value) for name, value in zip(names, values, strict=True) if value is not None}
        if present:
            reasons = {} if "FC" in present else {"FC": f"missing in {file}"}
            known = {**dict.fromkeys(FLUX_COLUMNS, math.nan), **present}
            records.append(
                FluxRecord(
                    station.station.id,
                    start.replace(tzinfo=UTC) - shift,
                    end.replace(tzinfo=UTC) - shift,
                    known,
                    reasons,
                )
            )
    return records
