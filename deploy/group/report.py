"""What the group is doing, for people."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from core.settings import Settings
from deploy.group.programs import PROGRAM_NAMES, SERVERS, SWITCHED
from deploy.group.supervisor import Control


@dataclass(frozen=True)
class ProgramStatus:
    """State of one program.

    Parameters
    ----------
    name : str
        Program.
    state : str
        ``running``, ``starting``, ``backoff`` (died, will be started again), ``stopping``, ``stopped`` or ``external``.
    pid : int or None
        Process, while there is one.
    uptime : float or None
        Since its start. [s]
    address : str
        Where it listens, or the server that is used instead.
    log : Path or None
        Its log.
    """

    name: str
    state: str
    pid: int | None
    uptime: float | None
    address: str
    log: Path | None


def status(settings: Settings) -> list[ProgramStatus]:
    """Return the state of every program, also when nothing runs."""
    processes = Control(settings).processes()
    addresses = {
        "broker": f"127.0.0.1:{settings.broker_port}",
        "database": f"127.0.0.1:{settings.db_port}",
        "hj212-listen": f"{settings.hj212_host}:{settings.hj212_port}",
        "api": f"http://{settings.api_host}:{settings.api_port}",
    }
    external = {"broker": settings.broker, "database": settings.dsn}
    rows = []
    for name in PROGRAM_NAMES:
        if name in SWITCHED and not getattr(settings, SWITCHED[name]) and name not in processes:
            continue
        if name in SERVERS and external[name]:
            rows.append(ProgramStatus(name, "external", None, None, _hide_password(str(external[name])), None))
            continue
        info = processes.get(name, {})
        pid = info.get("pid") or None
        uptime = None if pid is None else max(time.time() - info["start"], 0.0)
        state = str(info.get("statename", "STOPPED")).lower()
        log = settings.var / "log" / f"{name}.log"
        rows.append(ProgramStatus(name, state, pid, uptime, addresses.get(name, ""), log))
    return rows


def _hide_password(address: str) -> str:
    return address.rpartition("@")[2]


def show_status(settings: Settings) -> None:
    """Print the state of every program as a table."""
    table = Table(box=None, header_style="bold")
    for heading in ("program", "state", "pid", "up", "address"):
        table.add_column(heading, justify="right" if heading in ("pid", "up") else "left")
    for row in status(settings):
        up = "" if row.uptime is None else _format_duration(row.uptime)
        table.add_row(row.name, row.state, str(row.pid or ""), up, row.address)
    console = Console(soft_wrap=True)
    console.print(table)
    console.print(f"logs: {settings.var / 'log'}")


def _format_duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    if seconds < 172800:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} d"
