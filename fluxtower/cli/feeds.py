"""Commands about what comes in from the stations, and what does not."""

from __future__ import annotations

from typing import Annotated

import typer

from core.settings import read_settings
from fluxtower.cli.common import open_store, print_table

app = typer.Typer()


@app.command()
def gaps(
    station: Annotated[str | None, typer.Argument(help="Station id; default: all.")] = None,
    filled: Annotated[bool, typer.Option("--all", help="Those too that were filled late.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Look first whether other data have filled them.")] = False,
    limit: Annotated[int, typer.Option(help="How many of the newest.", min=1)] = 50,
) -> None:
    """List the known gaps: from when to when nothing came, how much is missing, since when that is known."""
    from fluxtower.tables import gap_table

    with open_store(read_settings()) as store:
        if station is not None:
            store.stations.read(station)
        if check:
            store.gaps.check(station)
        print_table(gap_table(store.gaps.find(station, limit, filled=filled)))


def show_station(id: str) -> None:
    """Print how the messages of a station's streams come in."""
    from fluxtower.tables import arrival_table, count_rejects, faults_of_streams

    with open_store(read_settings()) as store:
        print_table(arrival_table(store, id))
        for fault in faults_of_streams(store, id):
            typer.echo(fault)
        typer.echo(f"messages refused and not stored since: {count_rejects(store, id)}")
