"""Commands that send what a station would."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from core.settings import read_settings
from fluxtower.cli.common import StationFile

app = typer.Typer()


@app.command()
def replay(
    files: Annotated[list[Path], typer.Argument(help="TOA5 files, plain or .gz, in the order of time.")],
    station: StationFile,
    stream: Annotated[str, typer.Option(help="Stream that the files hold; default: the one of the fluxes.")] = "",
    speed: Annotated[float, typer.Option(help="Times real time; 0 = as fast as it goes.", min=0)] = 0.0,
) -> None:
    """Publish recorded logger files through MQTT."""
    from fluxtower.sending import send_files

    send_files(read_settings(), station, files, stream, speed)


@app.command()
def simulate(
    station: StationFile,
    start: Annotated[datetime | None, typer.Option(help="First half-hour (UTC); default: one day ago.")] = None,
    days: Annotated[float, typer.Option(help="How much to send.", min=0.02)] = 1.0,
    speed: Annotated[float, typer.Option(help="Times real time; 0 = as fast as it goes.", min=0)] = 0.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same records.")] = 1,
) -> None:
    """Publish a simulated forest tower through MQTT."""
    from fluxtower.sending import send_simulation

    send_simulation(read_settings(), station, start and start.replace(tzinfo=UTC), days, speed, seed)
