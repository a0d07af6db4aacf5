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
def ingest(
    files: Annotated[list[Path], typer.Argument(help="Raw files, or directories of them.")],
    station: Annotated[
        str, typer.Option(help="Whose files these are; default: the one whose `pattern` under [files] fits.")
    ] = "",
    stream: Annotated[str, typer.Option(help="Stream that the files hold; default: the one of the fluxes.")] = "",
    pattern: Annotated[str, typer.Option(help="Names of raw files in directories.")] = "*",
    block_seconds: Annotated[float, typer.Option(help="Length of a block.", min=0.1, max=3600)] = 10.0,
    again: Annotated[bool, typer.Option(help="Read files again that were read wholly before.")] = False,
    watch: Annotated[bool, typer.Option(help="Then go on with what comes into the directories.")] = False,
    report: Annotated[Path | None, typer.Option(help="JSON of what became of each file's records.")] = None,
) -> None:
    """Store what raw files have and the database lacks; may be broken off and begun again."""
    from fluxtower.batch.backfill import Request, ingest_files, watch_folders
    from fluxtower.batch.find_files import find_files
    from fluxtower.cli.common import open_store, start_log, stop_on_signals

    request = Request(station, stream, block_seconds, again)
    with open_store(read_settings()) as store:
        summary = ingest_files(store, request, find_files(files, pattern, required=not watch), report)
        typer.echo("\n".join(summary.lines()))
        for what in summary.failed:
            typer.echo(what, err=True)
        if watch:
            start_log()
            watch_folders(store, request, [file for file in files if file.is_dir()], pattern, stop_on_signals())
    if summary.failed:
        raise typer.Exit(1)


@app.command()
def history(
    files: Annotated[list[Path], typer.Argument(help="EddyPro full or FLUXNET output, AmeriFlux BASE, FLUXNET CSV.")],
    station: Annotated[str, typer.Option(help="The registered station whose half-hours these are.")],
    flags: Annotated[
        str, typer.Option(help="Scale of quality flags: ssitc (0-2), foken (1-9), goeckede (1-5).")
    ] = "ssitc",
    report: Annotated[Path | None, typer.Option(help="JSON of what became of each file's rows.")] = None,
) -> None:
    """Take half-hours that another program made over into the database, where the station has none of its own.

    What is wrong with a file goes to stderr and makes the exit status 1; what can be taken is taken all the same.
    """
    from fluxtower.batch.history import take_over
    from fluxtower.batch.report import write_report
    from fluxtower.cli.common import open_store

    with open_store(read_settings()) as store:
        batch = take_over(store, station, files, flags)
    if report is not None:
        write_report(report, batch.as_json())
    for line in batch.lines():
        typer.echo(line)
    problems = batch.problems()
    for what in problems:
        typer.echo(what, err=True)
    if problems:
        raise typer.Exit(1)


@app.command()
def simulate(
    station: Annotated[Path | None, typer.Option("--station", help="Station file (TOML) of one tower.")] = None,
    start: Annotated[datetime | None, typer.Option(help="First half-hour (UTC); default: one day ago.")] = None,
    days: Annotated[float, typer.Option(help="How much to send.", min=0.02)] = 1.0,
    speed: Annotated[float, typer.Option(help="Times real time; 0 = as fast as it goes.", min=0)] = 0.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same records.")] = 1,
    towers: Annotated[int, typer.Option(help="Load instead: so many towers in real time.", min=0, max=99_999)] = 0,
    rate: Annotated[float, typer.Option(help="Load: samples a second.", min=0.1, max=1000)] = 20.0,
    block_seconds: Annotated[float, typer.Option(help="Load: length of a block.", min=0.1, max=60)] = 1.0,
    seconds: Annotated[float, typer.Option(help="Load: how long.", min=1)] = 60.0,
    weather: Annotated[int, typer.Option(help="Load: stations with 30 variables a minute.", min=0, max=99_999)] = 0,
    register: Annotated[bool, typer.Option(help="Load: register the stations first.")] = True,
    spikes: Annotated[float, typer.Option(help="Load: chance of a spike in a block.", min=0, max=1)] = 0.0,
    dropouts: Annotated[float, typer.Option(help="Load: chance that a block is never sent.", min=0, max=1)] = 0.0,
    late: Annotated[float, typer.Option(help="Load: chance that it comes late, out of order.", min=0, max=1)] = 0.0,
    duplicates: Annotated[float, typer.Option(help="Load: chance that it comes twice.", min=0, max=1)] = 0.0,
    clock_jumps: Annotated[float, typer.Option(help="Load: chance that the clock jumps.", min=0, max=1)] = 0.0,
    journal: Annotated[Path | None, typer.Option(help="Load: file for what was sent, for benchmarks.")] = None,
) -> None:
    """Publish a simulated forest tower through MQTT, or the load of thousands of towers."""
    from core.errors import ConfigError
    from fluxtower.sending import send_load, send_simulation
    from ingest.simulation.load import Faults, Load

    if towers:
        faults = Faults(spikes, dropouts, late, duplicates, clock_jumps)
        load = Load(towers, rate, block_seconds, weather, seed, faults)
        send_load(read_settings(), load, seconds, journal, register=register)
    elif station is None:
        raise ConfigError("command line", "--station", "a station file, or --towers N", "neither")
    else:
        send_simulation(read_settings(), station, start and start.replace(tzinfo=UTC), days, speed, seed)


@app.command()
def agent(
    config: Annotated[Path, typer.Option(help="Configuration file (TOML).", show_default=False)],
    check: Annotated[bool, typer.Option("--check", help="Only check the configuration file.")] = False,
) -> None:
    """Follow a tower's loggers and send what they write, on the tower's own computer."""
    from fluxtower.agent_process import become_agent

    become_agent(config, check=check)
