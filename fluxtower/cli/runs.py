"""Commands about season runs that are stored."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from core.errors import StoreError
from core.settings import read_settings
from fluxtower.cli.common import open_store, print_table

app = typer.Typer()
run_app = typer.Typer(no_args_is_help=True, help="Season runs: gap-filled, partitioned half-hours, never edited.")
app.add_typer(run_app, name="run")


@run_app.command("list")
def list_runs(
    station: Annotated[str | None, typer.Argument(help="Station id; default: all stations.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only of this kind: provisional or season.")] = None,
    limit: Annotated[int, typer.Option(help="How many of the newest.", min=1)] = 20,
) -> None:
    """List the newest season runs, and on stderr the stations whose running season cannot be made."""
    from fluxtower.tables import run_table

    with open_store(read_settings()) as store:
        runs = store.runs.find(station, kind=kind, limit=limit)
        failures = store.attempts.read_failures(station)
    print_table(run_table(runs))
    for one in failures:
        tried = f"{one.attempts} attempts, the last {one.tried:%Y-%m-%d %H:%M} UTC"
        typer.echo(f"{one.station}: no provisional run ({tried}): {one.reason}", err=True)


@run_app.command()
def show(
    run: Annotated[
        str,
        typer.Argument(
            help="Number in `run list`; or a station id: the run that its page shows, the newest made on demand and, "
            "without one, the provisional one."
        ),
    ],
) -> None:
    """Show what a run was made of and what was done, as JSON: methods, inputs, thresholds, sums, what was not done."""
    import orjson

    with open_store(read_settings()) as store:
        found = store.runs.read(int(run)) if run.isascii() and run.isdigit() else store.runs.read_shown(run)
        newer = store.runs.read_newer_provisional(found)
    if found is None:
        raise StoreError(f"station {run} has no season run: `fluxtower season {run}` makes one")
    if newer:
        typer.echo(f"a newer provisional run exists: {newer.id}, made {newer.finished:%Y-%m-%d %H:%M} UTC", err=True)
    # the growth of the sum day by day is for figures: the API has it
    found = replace(found, provenance={name: said for name, said in found.provenance.items() if name != "course"})
    typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode())
