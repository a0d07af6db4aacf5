"""Tables of half-hours that other programs made, under FLUXNET names and in FLUXNET units.

FLUXNET, AmeriFlux BASE, ICOS and our own tables; EddyPro's FLUXNET output, full output and biomet; REddyProc's text;
eddy covariance of the Heihe and ChinaFLUX stations.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl

from core.errors import PayloadError
from ingest.files.fluxnet_tables import FLUXNET_STAMPS, maker_of, read_fluxnet
from ingest.files.halfhour_table import HalfHours
from ingest.files.opening import opened
from ingest.files.peer_tables import (
    HEIHE_STAMP_NAMES,
    is_biomet,
    read_biomet_lines,
    read_eddypro,
    read_heihe,
    read_reddyproc,
)
from ingest.files.text_columns import decode, separator_of, split_fields

MAX_BYTES = 1 << 30
"""Largest table. [bytes]"""


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
    if not is_biomet(names):
        table = parse_halfhours(text, path.name)
    else:
        table = _guarded(lambda: read_biomet_lines(lines, names, separator, path.name), path.name)
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
    frame = table.frame.join(other, on="end", how="left", suffix="read_biomet_lines", maintain_order="left")
    names = [name for name in biomet.sources if name in other.columns]
    twice = [name for name in names if f"{name}read_biomet_lines" in frame.columns]
    frame = frame.with_columns(pl.coalesce(f"{name}read_biomet_lines", name).alias(name) for name in twice)
    frame = frame.drop([f"{name}read_biomet_lines" for name in twice])
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
    if {name.casefold() for name in FLUXNET_STAMPS} & small:
        return read_fluxnet(
            lines[comments + 1 :], names, separator, comments + 2, file, maker_of(lines[:comments], names, file)
        )
    if {"date", "time", "qc_tau"} <= small:
        units = (
            split_fields(lines[comments + 1], separator) if "[" in "".join(lines[comments + 1 : comments + 2]) else []
        )
        first = comments + 1 + bool(units)
        return read_eddypro(lines[first:], names, units, separator, first + 1, file)
    if len(lines) > comments + 2 and "qc_tau" in lines[comments + 1].casefold():
        names, units = (split_fields(line, separator) for line in lines[comments + 1 : comments + 3])
        return read_eddypro(lines[comments + 3 :], names, units, separator, comments + 4, file)
    if {"year", "doy", "hour"} <= small:
        units = split_fields(lines[comments + 1], separator) if len(lines) > comments + 1 else []
        return read_reddyproc(lines[comments + 2 :], names, units, separator, comments + 3, file)
    if {"hs", "le", "fc"} <= small and names[0].upper() in HEIHE_STAMP_NAMES:
        return read_heihe(lines[comments + 1 :], names, separator, comments + 2, file)
    if is_biomet(names):
        raise PayloadError(
            f"{file}: line {comments + 1}: this is EddyPro's biomet: give it by --biomet FILE, beside its full output"
        )
    raise PayloadError(
        f"{file}: line {comments + 1}: no TIMESTAMP_START (FLUXNET, AmeriFlux), no date, time and qc_Tau (EddyPro's "
        f"full output), no Year, DoY, Hour (REddyProc) and no DATE/TIME, Hs, LE, Fc (Heihe): it begins with "
        f"{', '.join(names[:6])!a}"
    )
