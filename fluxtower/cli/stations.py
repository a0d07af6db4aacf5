"""Commands about stations."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
    from rich.table import Table

    from core.variables import AMOUNTS, VARIABLES, units_for

    table = Table("name", "unit", "also declared in", "limits", "description", "说明")
    for one in VARIABLES.values():
        others = ", ".join(unit for unit in units_for(one.name) if unit != one.unit)
        table.add_row(one.name, one.unit, others, f"{one.low:g} .. {one.high:g}", one.en, one.zh)
    for ending, (unit, en, zh) in AMOUNTS.items():
        others = ", ".join(other for other in units_for(f"O3_{ending}") if other != unit)
        table.add_row(f"<GAS>_{ending}", unit, others, "", f"{en} of a further scalar, such as O3", f"其他气体{zh}")
    print_table(table)


@station_app.command()
def check(files: StationFiles) -> None:
    """Check station files without registering them."""
    from core.errors import ConfigError

    checked: list[Station] = []
    valid = True
    for file in files:
        try:
            checked.append(_checked(file, lambda: checked)[0])
        except ConfigError as error:
            valid = False
            for one in (error, *error.more):
                typer.echo(f"error: {one}", err=True)
        else:
            typer.echo(f"{file}: valid")
    if not valid:
        raise typer.Exit(1)


@station_app.command()
def add(files: StationFiles) -> None:
    """Register station files, or append them as new configurations of their stations."""
    with open_store(read_settings()) as store:
        for file in files:
            _, text = _checked(file, lambda: [row.station for row in store.stations.read_all()])
            row = store.stations.put(text, str(file))
            typer.echo(
                f"{row.station.id}: configuration {row.config_sha256[:12]} since {row.valid_from:%Y-%m-%d %H:%M}Z"
            )


@station_app.command("list")
def list_stations() -> None:
    """List the registered stations."""
    from rich.table import Table

    table = Table("id", "name", "latitude", "longitude", "streams", "configuration", "since (UTC)", "loggers (UTC)")
    with open_store(read_settings()) as store:
        loggers: dict[str, list[str]] = {}
        for one in store.loggers.read():
            word = "online" if one.state.online else "offline"
            said = f"{one.state.logger} {word} since {one.since:%Y-%m-%d %H:%M}".strip()
            loggers.setdefault(one.state.station, []).append(said)
        for row in store.stations.read_all():
            who = row.station.station
            streams = ", ".join(row.station.streams)
            since = f"{row.valid_from:%Y-%m-%d %H:%M}"
            table.add_row(
                who.id,
                who.name,
                f"{who.latitude:g}",
                f"{who.longitude:g}",
                streams,
                row.config_sha256[:12],
                since,
                "\n".join(loggers.get(who.id, [])),
            )
    print_table(table)


def _checked(file: Path, others: Callable[[], Iterable[Station]]) -> tuple[Station, str]:
    """Return a valid station and its text; the others are asked for only if it uses topics that they might use."""
    from core.errors import ConfigError
    from core.station import parse_station, read_station_text, with_line
    from fluxcalc.halfhour.steps import check_methods
    from ingest.sources import check_topics

    text = read_station_text(file)
    station = parse_station(text, str(file))
    try:
        check_methods(station, str(file))
        if station.topic_filters:
            check_topics(station, str(file), others(), read_settings().topic_root)
    except ConfigError as error:
        raise with_line(error, text) from None
    return station, text
