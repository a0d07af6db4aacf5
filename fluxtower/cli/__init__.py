"""The command ``fluxtower``. What a command needs is imported when it runs, so that each starts at once."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer

from core.errors import FluxTowerError
from fluxtower.cli import (
    access,
    air,
    feeds,
    hj212,
    publishing,
    readings,
    rejects,
    release,
    results,
    review,
    runs,
    sending,
    services,
    stations,
)

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Fluxtower: from a tower's message to a published flux.",
    epilog="Settings come from FLUXTOWER_* in the environment: `fluxtower settings` lists them.",
)
PARTS = (
    *(services, sending, results, runs, stations, feeds, readings, rejects),
    *(publishing, access, review, release, air, hj212),
)
for part in PARTS:
    app.add_typer(part.app)


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
