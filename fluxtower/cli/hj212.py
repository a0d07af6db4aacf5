"""Commands of the exchange with ecology bureaus by HJ 212, and the table of quality codes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from core.settings import read_settings
from fluxtower.cli.common import TIMES, open_store, prepare_service, print_table, stop_on_signals

app = typer.Typer()
export_app = typer.Typer(no_args_is_help=True, help="Write files of what the database has.")
app.add_typer(export_app, name="export")
hj212_app = typer.Typer(no_args_is_help=True, help="HJ 212: take frames of devices, and send ours to a bureau.")
app.add_typer(hj212_app, name="hj212")


@hj212_app.command()
def listen() -> None:
    """Take frames over TCP from the devices of the list, commit them, then send receipts."""
    from ingest.hj212.receiving import listener

    listener.run_listener(prepare_service(), stop_on_signals())


@hj212_app.command()
def forward() -> None:
    """Send readings and averages to the destinations of the list, again until each message has its receipt."""
    from ingest.hj212.sending import forwarder

    forwarder.run_forwarder(prepare_service(), stop_on_signals())


@export_app.command("hj212")
def export_hj212(
    station: Annotated[str, typer.Argument(help="Station id.")],
    begin: Annotated[datetime, typer.Option("--from", formats=TIMES, help="First reading (UTC).")],
    end: Annotated[datetime, typer.Option("--to", formats=TIMES, help="Time after the last one (UTC).")],
    file: Annotated[Path, typer.Option(help="File to write the frames to.")],
    destination: Annotated[str, typer.Option(help="As for which destination; default: the station's only one.")] = "",
) -> None:
    """Write the frames that a destination of HJ 212 is sent."""
    from fluxtower.exchange import export_to_file

    settings = read_settings()
    with open_store(settings) as store:
        period = begin.replace(tzinfo=UTC), end.replace(tzinfo=UTC)
        count = export_to_file(settings, store, station, *period, file, destination)
    typer.echo(f"{count:,} messages written to {file}")


@app.command()
def codes() -> None:
    """List the quality codes of other schemes and what they are with us."""
    from fluxtower.tables import code_table

    print_table(code_table())
