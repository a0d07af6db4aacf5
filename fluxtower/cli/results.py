"""Commands that compute: half-hours from raw files, fits and seasons from what is stored."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from core.errors import ConfigError
from core.settings import read_settings
from fluxtower.cli.common import TIMES, FromLocal, StationFile, ToLocal, open_store

app = typer.Typer()


@app.command()
def process(
    files: Annotated[list[Path], typer.Argument(help="Raw files, or directories of them.", show_default=False)],
    station: StationFile,
    output: Annotated[Path, typer.Option(help="CSV to write.", show_default=False)],
    begin: FromLocal = None,
    end: ToLocal = None,
    workers: Annotated[int, typer.Option(help="Processes; 0 = one for each core.", min=0)] = 0,
    full: Annotated[bool, typer.Option("--full", help="Write every intermediate value and the reasons, too.")] = False,
    pattern: Annotated[str, typer.Option(help="Names of raw files in directories.")] = "*",
    spectra: Annotated[
        Path | None, typer.Option(help="Directory for spectra, cospectra and ogives, a CSV a half-hour.")
    ] = None,
    spectra_bins: Annotated[int, typer.Option(help="Bins of a spectrum; 0 = every frequency.", min=0)] = 50,
    meteorology: Annotated[
        list[Path] | None, typer.Option(help="Files of slow readings, or directories of them; may be repeated.")
    ] = None,
    fits: Annotated[
        Path | None, typer.Option(help="Fits of an earlier run; without it what the methods need is fitted first.")
    ] = None,
    fit_begin: Annotated[
        datetime | None, typer.Option("--fit-from", formats=TIMES, help="Begin of the period that is fitted.")
    ] = None,
    fit_end: Annotated[datetime | None, typer.Option("--fit-to", formats=TIMES, help="End of that period.")] = None,
    report: Annotated[Path | None, typer.Option(help="JSON of what became of each file's records.")] = None,
) -> None:
    """Compute half-hours from raw files (TOA5, ICOS CSV, other CSV, gzip of each) into one FLUXNET table.

    What is wrong with a file goes to stderr and makes the exit status 1; the other half-hours are computed all the
    same.
    """
    from fluxtower.batch.process_raw import process_raw

    clean = process_raw(
        files,
        station,
        output,
        begin,
        end,
        workers,
        full=full,
        pattern=pattern,
        spectra=spectra,
        bins=spectra_bins,
        fits=fits,
        fit_begin=fit_begin,
        fit_end=fit_end,
        meteorology=meteorology or [],
        report=report,
    )
    if not clean:
        raise typer.Exit(1)


@app.command()
def footprint(
    table: Annotated[Path, typer.Argument(help="FLUXNET table of half-hours (CSV).", show_default=False)],
    station: StationFile,
    output: Annotated[Path, typer.Option(help="OUT.geojson and OUT.tif are written.", show_default=False)],
    begin: FromLocal = None,
    end: ToLocal = None,
    flux: Annotated[str, typer.Option(help="Only half-hours that have this flux, not flagged bad: FC, LE, H.")] = "",
    reach: Annotated[float | None, typer.Option(help="From the tower to the edge of the map, metres.", min=1)] = None,
    cell: Annotated[float | None, typer.Option(help="Side of a cell, metres.", min=0.01)] = None,
) -> None:
    """Map where the fluxes of a period come from (Kljun et al. 2015): contours as GeoJSON, the grid as GeoTIFF."""
    from fluxtower.batch.footprint_map import Choice, map_table

    map_table(table, station, output, Choice(begin, end, flux, reach, cell))


@app.command()
def fit(
    station: Annotated[str, typer.Argument(help="Station id.")],
    kind: Annotated[str, typer.Option(help="What to fit: lags, planes or spectra.")],
    begin: Annotated[datetime, typer.Option("--from", formats=TIMES, help="Begin of the period (UTC).")],
    end: Annotated[datetime, typer.Option("--to", formats=TIMES, help="End of the period (UTC).")],
) -> None:
    """Fit planes, lags or cut-off frequencies to a stored period; from now on they are applied live."""
    from fluxtower.batch.station_fits import check_kind, fit_stored_period

    check_kind(kind)
    with open_store(read_settings()) as store:
        numbers = fit_stored_period(store, station, kind, begin.replace(tzinfo=UTC), end.replace(tzinfo=UTC))
    for name, number in numbers.items():
        typer.echo(f"{station}: fit {number} of {name} is in force")


@app.command()
def season(
    source: Annotated[
        str, typer.Argument(help="Table of half-hours, or a station's id.", metavar="FILE|STATION", show_default=False)
    ],
    station: Annotated[Path | None, typer.Option(help="Station file (TOML).", show_default=False)] = None,
    output: Annotated[
        Path | None, typer.Option(help="Directory for tables, figures and manifest.", show_default=False)
    ] = None,
    ustar: Annotated[
        str, typer.Option(help="Threshold: seasonal, annual, oneflux, change_point, pooled, none, or a number.")
    ] = "seasonal",
    filter_day: Annotated[bool, typer.Option("--filter-day", help="The threshold holds by day, too.")] = False,
    spikes: Annotated[float, typer.Option(help="Spike test: 4 strict, 5.5, 7; 0 = none.", min=0)] = 5.5,
    fill: Annotated[str, typer.Option(help="Of gaps: mds_reddyproc, mds_oneflux, learned_lightgbm.")] = "mds_reddyproc",
    partition: Annotated[str, typer.Option(help="nt, dt, or both; empty = none.")] = "nt,dt",
    uncertainty: Annotated[
        str, typer.Option(help="Random uncertainty: intended, oneflux, paired_days; none = no uncertainty at all.")
    ] = "intended",
    percentiles: Annotated[int, typer.Option(help="Versions by thresholds of u*: 3, or 41 (VUT and CUT).")] = 3,
    samples: Annotated[int, typer.Option(help="Bootstrap samples of the threshold.", min=2)] = 100,
    begin: FromLocal = None,
    end: ToLocal = None,
    figures: Annotated[bool, typer.Option(help="Draw figures.")] = True,
    keep: Annotated[bool, typer.Option("--store", help="Store it as a run of the station.")] = False,
) -> None:
    """Filter, fill and partition a season: a table of EddyPro, AmeriFlux, FLUXNET, REddyProc, or a station's fluxes.

    What is wrong with the input goes to stderr and makes the exit status 1; what can be done is done all the same.
    Without --output and --store: make a station's provisional run in the platform now, instead of the next daily one.
    """
    if output is None and not keep:
        if Path(source).is_file():
            raise ConfigError("command line", "--output", "a directory, for a table", "nothing")
        _fill_running(source)
        return
    from fluxcalc.season.record import SeasonMethods
    from fluxtower.batch.season import make_season

    methods = SeasonMethods(
        ustar=_number_or_word(ustar),
        filter_day=filter_day,
        spikes=spikes or None,
        fill=fill,
        partition=tuple(part.strip() for part in partition.split(",") if part.strip()),
        uncertainty=uncertainty,
        percentiles=percentiles,
        samples=samples,
    )
    if not make_season(source, station, output, methods, begin, end, figures=figures, keep=keep):
        raise typer.Exit(1)


def _fill_running(station: str) -> None:
    from fluxcalc.worker import fill_season

    with open_store(read_settings()) as store:
        run = fill_season(store, station)
    typer.echo(f"{station}: there are no fluxes yet" if run is None else f"{station}: provisional run {run}")


def _number_or_word(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
