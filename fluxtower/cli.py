"""The command ``fluxtower``. What a command needs is imported when it runs, so that each starts at once."""

from __future__ import annotations

import logging
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from core.errors import ConfigError, FluxTowerError
from core.settings import Settings, read_settings

if TYPE_CHECKING:
    from rich.table import Table

    from core.store import Store

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Fluxtower: from a tower's message to a published flux.",
    epilog="Settings come from FLUXTOWER_* in the environment: `fluxtower settings` lists them.",
)
station_app = typer.Typer(no_args_is_help=True, help="Register, check and list stations.")
reject_app = typer.Typer(no_args_is_help=True, help="Messages that could not be decoded or placed.")
grafana_app = typer.Typer(no_args_is_help=True, help="Grafana dashboards as code.")
app.add_typer(station_app, name="station")
app.add_typer(reject_app, name="reject")
app.add_typer(grafana_app, name="grafana")

StationFiles = Annotated[list[Path], typer.Argument(help="Station files (TOML).", show_default=False)]
StationFile = Annotated[Path, typer.Option("--station", help="Station file (TOML).", show_default=False)]

TIMES = ["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"]


def main() -> NoReturn:
    """Run the command line: an error that we raise on purpose is one message and exit status 1."""
    try:
        app()
    except FluxTowerError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)


@app.command()
def setup() -> None:
    """Install the private PostgreSQL, TimescaleDB and Mosquitto under var/ (scripts/setup does this too)."""
    from deploy.native import prefix

    prefix.install(read_settings(), typer.echo)


@app.command()
def up(
    detach: Annotated[bool, typer.Option(help="Return when all is ready and leave it running.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="Start only this program; may be repeated.")] = None,
) -> None:
    """Start broker, database, collector, worker and API; Ctrl-C stops them."""
    from deploy import group
    from fluxtower.services import prepare

    settings = read_settings()
    group.up(settings, only, detach=detach, report=typer.echo, prepare=lambda: prepare(settings))


@app.command()
def down() -> None:
    """Stop what `up` started."""
    from deploy import group

    typer.echo("stopped" if group.down(read_settings()) else "nothing was running")


@app.command()
def status() -> None:
    """Show what is running, since when, where and with which log."""
    from deploy import group

    group.show_status(read_settings())


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date."""
    with _open_store(read_settings()) as store:
        applied = store.migrate()
    typer.echo(f"applied {', '.join(applied)}" if applied else "the schema is up to date")


@app.command()
def collector() -> None:
    """Take messages from the broker, commit them, then acknowledge them."""
    from ingest import collector

    settings = _service()
    collector.run(settings, _stop_on_signals())


@app.command()
def worker() -> None:
    """Compute half-hours and running seasons as they become due."""
    from fluxcalc import worker

    worker.run(_service(), _stop_on_signals())


@app.command()
def api() -> None:
    """Serve the API, the pages and the live stream."""
    from api.app import serve

    settings = read_settings()
    _log()
    serve(settings)


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
def process(
    files: Annotated[list[Path], typer.Argument(help="Raw files, or directories of them.", show_default=False)],
    station: StationFile,
    output: Annotated[Path, typer.Option(help="CSV to write.", show_default=False)],
    begin: Annotated[
        datetime | None, typer.Option("--from", formats=TIMES, help="First half-hour, local standard time.")
    ] = None,
    end: Annotated[
        datetime | None, typer.Option("--to", formats=TIMES, help="End of the last one, local standard time.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes; 0 = one for each core.", min=0)] = 0,
    full: Annotated[bool, typer.Option("--full", help="Write every intermediate value and the reasons, too.")] = False,
    pattern: Annotated[str, typer.Option(help="Names of raw files in directories.")] = "*",
    spectra: Annotated[
        Path | None, typer.Option(help="Directory for spectra, cospectra and ogives, a CSV a half-hour.")
    ] = None,
    spectra_bins: Annotated[int, typer.Option(help="Bins of a spectrum; 0 = every frequency.", min=0)] = 50,
) -> None:
    """Compute half-hours from raw files (TOA5, ICOS CSV, other CSV, gzip of each) into one FLUXNET table.

    What is wrong with a file is told on stderr and makes the exit status 1; the other half-hours are computed all the
    same.
    """
    from fluxtower.commands import process_raw

    clean = process_raw(
        files, station, output, begin, end, workers, full=full, pattern=pattern, spectra=spectra, bins=spectra_bins
    )
    if not clean:
        raise typer.Exit(1)


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


@app.command()
def season(station: Annotated[str, typer.Argument(help="Station id.")]) -> None:
    """Fill the running season's NEE now, instead of at the next daily run."""
    from fluxcalc.worker import fill_season

    with _open_store(read_settings()) as store:
        run = fill_season(store, station)
    typer.echo(f"{station}: there are no fluxes yet" if run is None else f"{station}: provisional run {run}")


@app.command()
def fit(
    station: Annotated[str, typer.Argument(help="Station id.")],
    kind: Annotated[str, typer.Option(help="What to fit: lags, planes or spectra.")],
    begin: Annotated[datetime, typer.Option("--from", formats=TIMES, help="Begin of the period (UTC).")],
    end: Annotated[datetime, typer.Option("--to", formats=TIMES, help="End of the period (UTC).")],
) -> None:
    """Fit planes, lags or cut-off frequencies to a stored period; from now on they are applied live."""
    from fluxcalc.worker import FITTERS, assess_station, fit_station

    kinds = (*FITTERS, "spectra")
    if kind not in kinds:
        raise ConfigError("command line", "--kind", f"one of {', '.join(kinds)}", kind)
    first, last = begin.replace(tzinfo=UTC), end.replace(tzinfo=UTC)
    with _open_store(read_settings()) as store:
        if kind == "spectra":
            numbers = assess_station(store, station, first, last)
        else:
            numbers = {kind: fit_station(store, station, kind, first, last)}
    for name, number in numbers.items():
        typer.echo(f"{station}: fit {number} of {name} is in force")


@app.command()
def demo(once: Annotated[bool, typer.Option(help="End after checking what is shown.")] = False) -> None:
    """Show everything: two stations through real MQTT to fluxes and a live page."""
    from fluxtower.demo import run_demo

    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # a database that is away is waited for in silence

    run_demo(read_settings(), once=once)


@app.command()
def variables() -> None:
    """List the known variables with unit, limits and words."""
    from rich.table import Table

    from core.variables import VARIABLES, units_for

    table = Table("name", "unit", "also declared in", "limits", "description", "说明")
    for one in VARIABLES.values():
        others = ", ".join(unit for unit in units_for(one.name) if unit != one.unit)
        table.add_row(one.name, one.unit, others, f"{one.low:g} .. {one.high:g}", one.en, one.zh)
    _print(table)


@app.command()
def settings() -> None:
    """List the settings with their values and environment variables."""
    from rich.table import Table

    values = read_settings()
    table = Table("variable", "value", "description")
    for name, field in Settings.model_fields.items():
        value = getattr(values, name)
        secret = name in ("dsn", "broker", "grafana_token") and value is not None
        table.add_row(f"FLUXTOWER_{name.upper()}", "(set)" if secret else str(value), field.description)
    _print(table)


@station_app.command()
def check(files: StationFiles) -> None:
    """Check station files without registering them."""
    for file in files:
        _checked_text(file)
        typer.echo(f"{file}: valid")


@station_app.command()
def add(files: StationFiles) -> None:
    """Register station files, or append them as new configurations of their stations."""
    with _open_store(read_settings()) as store:
        for file in files:
            row = store.put_station(_checked_text(file), str(file))
            typer.echo(
                f"{row.station.id}: configuration {row.config_sha256[:12]} since {row.valid_from:%Y-%m-%d %H:%M}Z"
            )


@station_app.command("list")
def list_stations() -> None:
    """List the registered stations."""
    from rich.table import Table

    table = Table("id", "name", "latitude", "longitude", "streams", "configuration", "since (UTC)")
    with _open_store(read_settings()) as store:
        for row in store.stations():
            who = row.station.station
            streams = ", ".join(row.station.streams)
            since = f"{row.valid_from:%Y-%m-%d %H:%M}"
            table.add_row(
                who.id, who.name, f"{who.latitude:g}", f"{who.longitude:g}", streams, row.config_sha256[:12], since
            )
    _print(table)


@reject_app.command("list")
def list_rejects(limit: Annotated[int, typer.Option(help="How many of the newest.", min=1)] = 20) -> None:
    """List the newest messages that were refused, with the reason."""
    from rich.table import Table

    table = Table("id", "received (UTC)", "topic", "bytes", "reason")
    with _open_store(read_settings()) as store:
        for row in store.rejects(limit):
            table.add_row(str(row.id), f"{row.received:%Y-%m-%d %H:%M:%S}", row.topic, str(row.size), row.reason)
    _print(table)


@grafana_app.command()
def push() -> None:
    """Push data source and dashboards to the Grafana at FLUXTOWER_GRAFANA_URL."""
    import dashboards

    dashboards.push(read_settings())


def _print(table: Table) -> None:
    """Print a table, as wide as it needs to be where no terminal limits it."""
    from rich.console import Console

    console = Console()
    (console if console.is_terminal else Console(width=200)).print(table)


def _open_store(settings: Settings) -> Store:
    from core.store import Store

    store = Store(settings.store_dsn)
    store.wait(10)
    return store


def _service() -> Settings:
    """Prepare a process that works on the store: it waits for the database, however long, and for its schema."""
    from core.store import Store

    settings = read_settings()
    _log()
    with Store(settings.store_dsn) as store:
        store.wait(float("inf"))
        store.migrate()
    return settings


def _checked_text(file: Path) -> str:
    from core.station import parse_station, read_station_text
    from fluxcalc.halfhour import check_methods

    text = read_station_text(file)
    check_methods(parse_station(text, str(file)), str(file))
    return text


def _log() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("procrastinate").setLevel(logging.WARNING)


def _stop_on_signals() -> threading.Event:
    import signal

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
