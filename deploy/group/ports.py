"""Ports: whether one is free, and who has it."""

from __future__ import annotations

import errno
import os
import socket
import time
from pathlib import Path

from core.errors import SetupError

LISTEN_STATE = "0A"


def require_port(host: str, port: int, variable: str, ours: Path | None) -> None:
    """Check that a port can be listened on.

    Parameters
    ----------
    host, port : str, int
        Address.
    variable : str
        Environment variable that changes the port, for the message.
    ours : Path or None
        Folder of our servers' programs: one of those is given time to end.

    Raises
    ------
    SetupError
        Another program listens there, or the address is not this machine's.
    """
    patience = time.monotonic() + 20
    while True:
        problem = _try_port(host, port)
        if problem is None:
            return
        holder = find_listener(port)
        stopping = holder is not None and ours is not None and holder[1].startswith(f"{ours}/")
        if not stopping or time.monotonic() > patience:
            break
        time.sleep(0.2)
    who = "" if holder is None else f" by process {holder[0]} ({holder[1]})"
    if problem == errno.EADDRINUSE:
        other = port + 1000 if port < 64000 else port - 1000
        remedy = f"stop that program, or choose another port, e.g. {variable}={other}"
        raise SetupError(f"port {port} on {host} is taken{who}", remedy)
    raise SetupError(f"cannot listen on {host}, port {port}: {os.strerror(problem)}", f"set {variable}")


def _try_port(host: str, port: int) -> int | None:
    """Return None if one can listen there, else the error number."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        return error.errno or errno.EADDRNOTAVAIL
    return None


def find_listener(port: int) -> tuple[int, str] | None:
    """Find the process that listens on a port: its number and program; None if it is not ours to see."""
    tables = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
    sockets = {f"socket:[{inode}]" for table in tables for inode in _read_inodes(table, port)}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(file.readlink()) in sockets for file in (process / "fd").iterdir()):
                return int(process.name), str((process / "exe").readlink())
        except OSError:
            continue  # gone, or another user's
    return None


def _read_inodes(table: Path, port: int) -> list[str]:
    try:
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
    except OSError:
        return []
    return [row[9] for row in rows if row[3] == LISTEN_STATE and int(row[1].rpartition(":")[2], 16) == port]
