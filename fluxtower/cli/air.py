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
def compare(
    station: StationArgument,
    kind: Annotated[Literal["flask", "round_robin"], typer.Argument(help="Air in a flask, or a tank that goes round.")],
    begin: Begin,
    end: End,
    value: Annotated[float, typer.Option(help="What the other laboratory says, in the unit of the gas.")],
    u: Annotated[float, typer.Option("--u", min=0.0, help="Its uncertainty, 1 sigma.")],
    where: Annotated[str, typer.Option(help="Intake at which the flask was filled; serial of the tank.")],
    laboratory: Annotated[str, typer.Option(help="Whose value it is.")],
    gas: Annotated[str, typer.Option(help="CO2, CH4, CO or N2O.")] = "CO2",
    scale: Annotated[str, typer.Option(help="Scale of the value; default: the station's.")] = "",
    note: Annotated[str, typer.Option(help="In words.")] = "",
) -> None:
    """Enter a value of another laboratory, of a flask or a round-robin tank, and compare it."""
    from core.clock import to_ns
    from core.station.mole_fraction import SCALES
    from fluxtower.air import enter_comparison
    from qc.mole_fraction.comparisons import OtherValue

    with open_store(read_settings()) as store:
        row = store.stations.read(station)
        part = row.station.mole_fraction
        own = {one.name: one.published_scale for one in part.gas} if part else {}
        scale = scale or own.get(gas, SCALES.get(gas, ""))  # type: ignore[call-overload]
        start_ns, end_ns = (to_ns(one.replace(tzinfo=UTC)) for one in (begin, end))
        other = OtherValue(gas, scale, start_ns, end_ns, value, u, where, laboratory)
        found = enter_comparison(store, row, kind, other, note=note, by=getpass.getuser())
    if found is None:
        typer.echo(f"{station}: {kind} entered; the station has no good value for that time")
    else:
        word = "within" if found.within_goal else "beyond"
        typer.echo(
            f"{station}: {kind} entered; ours minus theirs {found.difference:+.3f} ± {found.u:.3f}, {word} the goal"
        )


@app.command()
def dossier(
    station: StationArgument,
    output: Annotated[Path, typer.Option("--output", help="File to write: .pdf or .json.")],
    begin: Annotated[
        datetime | None, typer.Option("--from", formats=TIMES, help="Begin (UTC); default: a year of whole months.")
    ] = None,
    end: Annotated[datetime | None, typer.Option("--to", formats=TIMES, help="End (UTC); default: now.")] = None,
    language: Annotated[Literal["en", "zh"], typer.Option(help="English or Chinese.")] = "en",
) -> None:
    """Write a station's dossier: coverage, CMR, LTR, bias against the goals, tanks, tests, alarms, review."""
    from fluxtower.air import write_dossier
    from qc.dossier import last_year

    settings = read_settings()
    with open_store(settings) as store:
        row = store.stations.read(station)
        stop = end.replace(tzinfo=UTC) if end else datetime.now(UTC)
        start = begin.replace(tzinfo=UTC) if begin else last_year(stop, row.station.station.utc_offset)[0]
        made = write_dossier(store, row, start, stop, language, output, settings)
    months = len({one.start for one in made.hours})
    typer.echo(f"{output}: {months} months, {len(made.alarms)} alarms, {len(made.tanks)} tanks")


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
