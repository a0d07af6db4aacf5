"""Commands that set the platform up and keep it running."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from core.settings import read_settings
from fluxtower.cli.common import open_store, prepare_service, print_table, start_log, stop_on_signals

app = typer.Typer()


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
    """Start broker, database, collector, judge, worker, keep and API; Ctrl-C stops them."""
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
def status(
    station: Annotated[str | None, typer.Argument(help="Station id: how its messages come in.")] = None,
) -> None:
    """Show what is running, since when, where and with which log; of a station: counters, lag, clock, gaps."""
    from deploy import group
    from fluxtower.cli.feeds import show_station

    if station is None:
        group.show_status(read_settings())
    else:
        show_station(station)


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date."""
    with open_store(read_settings()) as store:
        applied = store.migrate()
    typer.echo(f"applied {', '.join(applied)}" if applied else "the schema is up to date")


@app.command()
def collector() -> None:
    """Take messages from the broker, commit them, then acknowledge them."""
    from ingest.collector import service

    settings = prepare_service()
    service.run_collector(settings, stop_on_signals())


@app.command()
def judge() -> None:
    """Give readings their flags as they come, and again when what they are judged by has changed."""
    from qc.judge import run_judge

    run_judge(prepare_service(), stop_on_signals())


@app.command()
def worker() -> None:
    """Compute half-hours and running seasons as they become due."""
    from fluxcalc import worker

    worker.run(prepare_service(), stop_on_signals())


@app.command()
def keep(
    once: Annotated[bool, typer.Option("--once", help="Do what is due now, say what was done, and end.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
) -> None:
    """Compact old samples and drop what is older than the settings allow, again and again."""
    from fluxtower import retention

    if once or dry_run:
        logging.basicConfig(format="%(levelname)s: %(message)s")
        with open_store(read_settings()) as store:
            retention.apply_once(store, read_settings(), dry_run=dry_run)
    else:
        retention.run_retention(prepare_service(), stop_on_signals())


@app.command()
def api() -> None:
    """Serve the API, the pages and the live stream."""
    from api.app import serve

    settings = read_settings()
    start_log()
    serve(settings)


@app.command()
def demo(once: Annotated[bool, typer.Option(help="End after checking what is shown.")] = False) -> None:
    """Show everything: two stations through real MQTT to fluxes and a live page."""
    from fluxtower.demo import run_demo

    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # a database that is away is waited for in silence

    run_demo(read_settings(), once=once)


@app.command()
def settings() -> None:
    """List the settings with their values and environment variables."""
    from fluxtower.tables import settings_table

    print_table(settings_table(read_settings()))
