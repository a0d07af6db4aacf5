"""Commands about stations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.settings import read_settings
from fluxtower.cli.common import open_store, print_table

if TYPE_CHECKING:
    from core.station import Station

app = typer.Typer()
station_app = typer.Typer(no_args_is_help=True, help="Register, check and list stations.")
app.add_typer(station_app, name="station")

StationFiles = Annotated[list[Path], typer.Argument(help="Station files (TOML).", show_default=False)]


@app.command()
def variables() -> None:
    """List the known variables with unit, limits and words."""
    from fluxtower.tables import variable_table

    print_table(variable_table())


@station_app.command()
def check(files: StationFiles) -> None:
    """Check station files without registering them."""
    from core.errors import ConfigError
    from fluxtower.station_files import find_doubts, outside_parts, read_checked_station, sample_stamps

    root = read_settings().topic_root
    checked: list[Station] = []
    valid = True
    for file in files:
        try:
            checked.append(read_checked_station(file, root, lambda: checked)[0])
        except ConfigError as error:
            valid = False
            typer.echo("\n".join(f"error: {one}" for one in (error, *error.more)), err=True)
        else:
            outside = (f"    {what}: {package}" for what, package in outside_parts(checked[-1]))
            samples = (f"    {sample}" for sample in sample_stamps(checked[-1]))
            typer.echo("\n".join((f"{file}: valid", *outside, *samples)))
            for doubt in find_doubts(checked[-1]):
                typer.echo(f"doubt: {file}: {doubt}", err=True)
    if not valid:
        raise typer.Exit(1)


@station_app.command()
def add(files: StationFiles) -> None:
    """Register station files, or append them as new configurations of their stations."""
    from fluxtower.station_files import read_checked_station

    settings = read_settings()
    with open_store(settings) as store:
        for file in files:
            _, text = read_checked_station(
                file, settings.topic_root, lambda: [row.station for row in store.stations.read_all()]
            )
            row = store.stations.put(text, str(file))
            typer.echo(
                f"{row.station.id}: configuration {row.config_sha256[:12]} since {row.valid_from:%Y-%m-%d %H:%M}Z"
            )


@station_app.command("list")
def list_stations() -> None:
    """List the registered stations."""
    from fluxtower.tables import station_table

    with open_store(read_settings()) as store:
        print_table(station_table(store))
