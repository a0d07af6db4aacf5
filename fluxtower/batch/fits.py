"""Fits for raw files: a first pass over them, and the file in which its fits are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import ConfigError, ProcessingError
from core.progress import Progress
from core.station import Station
from fluxcalc.halfhour.batch import compute
from fluxcalc.halfhour.fits import NOTHING_FITTED, Fits
from fluxcalc.halfhour.fitters import FITTERS, fit_kind, join_fits, kinds_needed
from fluxcalc.halfhour.interval import flux_of
from fluxtower.batch.chunks import Chunk, call_each
from fluxtower.batch.summary import ProcessSummary
from ingest.files.gathering import gather


class Origin(BaseModel):
    """What a fit was made from: half-hours that say something, in a period (UTC)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    begin: datetime
    end: datetime
    half_hours: int


class StoredFits(BaseModel):
    """A file of fits: whose they are, what they were made from (by kind), and the fits themselves."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    station: str
    made_from: Mapping[str, Origin]
    fits: Fits

    def explain(self, kind: str, where: str) -> str:
        """Say in words what a kind of fit was made from."""
        origin = self.made_from.get(kind)
        if origin is None:
            return f"fit of {kind}: none, half-hours go without"
        period = f"{origin.begin:%Y-%m-%dT%H:%MZ} to {origin.end:%Y-%m-%dT%H:%MZ}"
        return f"fit of {kind}: from {origin.half_hours} half-hours, {period}, {where}"


def write_fits_file(stored: StoredFits, path: Path) -> None:
    """Write fits as JSON; the file appears whole or not at all."""
    unfinished = path.with_suffix(".part")
    unfinished.write_text(stored.model_dump_json(indent=1) + "\n", encoding="utf-8")
    unfinished.replace(path)


def read_fits_file(path: Path, station: Station) -> StoredFits:
    """Read fits back.

    Raises
    ------
    ConfigError
        It cannot be read, is no file of fits, or is another station's.
    """
    try:
        stored = StoredFits.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(str(path), "--fits", "a readable file of fits", str(error)) from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "(syntax)"
        raise ConfigError(str(path), key, "what `fluxtower process` writes as fits", first["msg"]) from None
    if stored.station != station.id:
        raise ConfigError(str(path), "station", f"fits of {station.id!r}", repr(stored.station))
    return stored


def fit_files(
    station: Station, chunks: Sequence[Chunk], executor: Executor | None, summary: ProcessSummary, progress: Progress
) -> StoredFits:
    """Make the fits that the station's methods need: a pass over the files for each kind, with those before applied.

    A fit for which the half-hours do not suffice is reported as a problem; the half-hours then go without. Memory holds
    what a fit keeps of a half-hour: a few numbers, or for cut-off frequencies its binned spectra.
    """
    begin = chunks[0].starts[0]
    end = chunks[-1].starts[-1] + timedelta(minutes=flux_of(station).averaging_minutes)
    count = sum(len(chunk.starts) for chunk in chunks)
    fits, made_from = NOTHING_FITTED, {}
    for kind in kinds_needed(station):
        kept: dict[int, list[Any]] = {}
        done = 0
        progress(f"fitting {kind}", done, count)
        for number, (some, problems) in call_each(
            executor, _keep_chunk, [(station, kind, fits, chunk) for chunk in chunks]
        ):
            kept[number] = some
            summary.add_problems(problems)
            done += len(chunks[number].starts)
            progress(f"fitting {kind}", done, count)
        in_order = [one for number in sorted(kept) for one in kept[number]]
        try:
            fits = join_fits(fits, fit_kind(kind, in_order, station, begin, end))
        except ProcessingError as error:
            summary.add_problem(str(error))
        else:
            made_from[kind] = Origin(begin=begin, end=end, half_hours=len(in_order))
    return StoredFits(station=station.id, made_from=made_from, fits=fits)


def _keep_chunk(station: Station, kind: str, fits: Fits, chunk: Chunk) -> tuple[list[Any], list[str]]:
    """Compute consecutive intervals and keep what a fit needs of them; return what is wrong with files, too."""
    flux = flux_of(station)
    kept: list[Any] = []
    problems: list[str] = []
    for gathered in gather(chunk.spans, station, flux.stream, chunk.starts, flux.averaging_minutes, problems.append):
        half, record = compute(
            gathered.samples, station, gathered.start, meteorology=chunk.meteorology.get(gathered.start), fits=fits
        )
        one = None if half is None else FITTERS[kind].keep(half, record, station)
        if one is not None:
            kept.append(one)
    return kept, problems
