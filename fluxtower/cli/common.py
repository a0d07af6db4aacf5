"""What several commands share: options, a store that answers, tables."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import StoreUnavailable
from core.settings import Settings, read_settings

if TYPE_CHECKING:
    from rich.table import Table

    from core.store import Store

StationFile = Annotated[Path, typer.Option("--station", help="Station file (TOML).", show_default=False)]
TIMES = ["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"]
FromLocal = Annotated[
    datetime | None, typer.Option("--from", formats=TIMES, help="First half-hour, local standard time.")
]
ToLocal = Annotated[
    datetime | None, typer.Option("--to", formats=TIMES, help="End of the last one, local standard time.")
]


def print_table(table: Table) -> None:
    """Print a table, as wide as it needs to be where no terminal limits it."""
    from rich.console import Console

    console = Console()
    (console if console.is_terminal else Console(width=200)).print(table)


def open_store(settings: Settings) -> Store:
    """Open the store once the database answers; wait for it ten seconds at most."""
    from core.store import Store

    store = Store(settings.store_dsn)
    try:
        store.wait(10)
    except StoreUnavailable:
        store.close()  # or its threads are still trying when the program ends, and say so
        raise
    return store


def prepare_service() -> Settings:
    """Prepare a process that works on the store: it waits for the database, however long, and for its schema."""
    from core.store import Store

    settings = read_settings()
    start_log()
    with Store(settings.store_dsn) as store:
        store.wait(float("inf"))
        store.migrate()
    return settings


def start_log() -> None:
    """Log to stderr."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("procrastinate").setLevel(logging.WARNING)


def stop_on_signals() -> threading.Event:
    """Return an event that SIGTERM or Ctrl-C set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
