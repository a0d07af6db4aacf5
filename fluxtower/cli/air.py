"""Commands about tanks and calibrated mole fractions."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from core.settings import read_settings
from fluxtower.cli.common import TIMES, open_store, print_table

app = typer.Typer()
tank_app = typer.Typer(no_args_is_help=True, help="Tanks of calibrated air: register their files, list them.")
air_app = typer.Typer(no_args_is_help=True, help="Calibrated mole fractions: make, enter tests and visits, export.")
app.add_typer(tank_app, name="tank")
app.add_typer(air_app, name="mole-fractions")

StationArgument = Annotated[str, typer.Argument(help="Station id.")]
Begin = Annotated[datetime, typer.Option("--from", formats=TIMES, help="Begin (UTC).")]
End = Annotated[datetime, typer.Option("--to", formats=TIMES, help="End (UTC).")]


@tank_app.command("add")
def add_tank(files: Annotated[list[Path], typer.Argument(help="Tank files (TOML).", show_default=False)]) -> None:
    """Register tank files, or append them as new versions; values that rest on them are made again."""
    from core.station import read_station_text
    from core.tanks import parse_tank

    texts = [(read_station_text(file), str(file)) for file in files]
    tanks = [parse_tank(text, file, now=datetime.now(UTC)) for text, file in texts]  # all of them, before any is stored
    with open_store(read_settings()) as store:
        for (text, file), tank in zip(texts, tanks, strict=True):
            is_new = store.tanks.put(text, file)
            typer.echo(f"{tank.serial}: {'registered' if is_new else 'unchanged'}")


@tank_app.command("list")
def list_tanks() -> None:
    """List the registered tanks with what they were assigned last."""
    from fluxtower.tables import tank_table

    with open_store(read_settings()) as store:
        print_table(tank_table(store.tanks.find()))


@air_app.command()
def make(station: StationArgument, begin: Begin, end: End) -> None:
    """Make the values of a period again from raw; earlier ones are kept, and what has changed is told.

    This happens by itself as raw data come, and when the station file or a tank file changes.
    """
    from fluxtower.progress_bar import progress_bar
    from fluxtower.tables import made_table
    from qc.making import make_period

    with open_store(read_settings()) as store:
        row = store.stations.read(station)
        with progress_bar("mole fractions", transient=True) as bar:
            made = make_period(
                store, row, begin.replace(tzinfo=UTC), end.replace(tzinfo=UTC), why="asked for", progress=bar
            )
    print_table(made_table(made))
    for one in made.replaced:
        largest = "" if one.largest is None else f", by up to {one.largest:.4f}"
        typer.echo(
            f"{one.gas} at {one.intake}: {one.hours} hours of {one.first:%Y-%m-%d} to {one.last:%Y-%m-%d}{largest}"
        )
    for alarm in made.alarms:
        typer.echo(f"{alarm.level}: {alarm.text}", err=True)
    for note in made.notes:
        typer.echo(f"note: {note}", err=True)
    if any(alarm.level == "critical" for alarm in made.alarms):
        raise typer.Exit(1)


@air_app.command()
def event(
    station: StationArgument,
    kind: Annotated[Literal["line_test", "weekly_check", "visit"], typer.Argument(help="What was done.")],
    begin: Begin,
    end: End,
    note: Annotated[str, typer.Option(help="What was done, in words.")],
    intake: Annotated[str, typer.Option(help="At which intake; default: all.")] = "",
    tank: Annotated[str, typer.Option(help="Serial of the tank of a line test.")] = "",
    failed: Annotated[
        list[str] | None, typer.Option("--failed", help="A check that was not in order; may be repeated.")
    ] = None,
) -> None:
    """Enter a test of a sampling line, a weekly check or a visit; air of that time is not used."""
    from fluxtower.air import enter_event

    with open_store(read_settings()) as store:
        enter_event(
            store,
            store.stations.read(station),
            kind,
            begin.replace(tzinfo=UTC),
            end.replace(tzinfo=UTC),
            note=note,
            intake=intake,
            tank=tank,
            failed=failed or (),
            by=getpass.getuser(),
        )
    typer.echo(f"{station}: {kind} entered; values around it are made again")


@air_app.command()
def export(
    station: StationArgument,
    begin: Begin,
    end: End,
    form: Annotated[Literal["icos", "obspack"], typer.Option("--format", help="ICOS' CSV, or ObsPack's netCDF.")],
    folder: Annotated[Path, typer.Option("--output", help="Folder to write to; one file a gas and intake.")],
) -> None:
    """Write the hours of all gases and intakes as files of ICOS' or ObsPack's kind."""
    from fluxtower.air import export_files

    with open_store(read_settings()) as store:
        row = store.stations.read(station)
        for path, hours in export_files(store, row, begin.replace(tzinfo=UTC), end.replace(tzinfo=UTC), form, folder):
            typer.echo(f"{path}: {hours} hours")
