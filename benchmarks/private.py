"""Private servers of a benchmark's own: settings and ports that disturb nobody."""

from __future__ import annotations

import socket
from pathlib import Path

from core.settings import Settings, read_settings


def private_settings(folder: Path, **changes: object) -> Settings:
    """Return settings for servers in a folder, on free ports, whatever addresses the environment gives."""
    ours = read_settings()
    ports = dict(zip(("db_port", "broker_port", "api_port"), free_ports(3), strict=True))
    native = ours.native or ours.var / "native"
    return ours.model_copy(update={"var": folder, "native": native, "dsn": None, "broker": None, **ports, **changes})


def free_ports(count: int) -> list[int]:
    """Return loopback ports that nothing listens on."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports
