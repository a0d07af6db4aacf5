"""The programs of the group: one table."""

from __future__ import annotations

import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

from core.settings import Settings
from deploy.native import mosquitto, postgres
from deploy.native.installation import Installation
from deploy.native.shell import find_tool

SERVERS = ("broker", "database")
PROGRAM_NAMES = (*SERVERS, "collector", "judge", "worker", "keep", "api", "hj212-listen", "hj212-forward")
SWITCHED = {"hj212-listen": "hj212_listen", "hj212-forward": "hj212_forward"}
"""Programs that run only where a setting says so -> the setting."""
TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True)
class Program:
    """One program of the group.

    Parameters
    ----------
    name : str
        One of `PROGRAM_NAMES`; also the name of its log.
    command : tuple of str
        Command that stays in the foreground and ends when its parent does.
    stop_signal : str
        Signal of a clean end.
    stop_seconds : int
        How long a clean end may take before it is killed. [s]
    is_ready : callable
        Whether it can do its work; asked only while it runs.
    address : tuple of (str, int, str), optional
        Host and port on which it listens, and the environment variable that changes the port.
    """

    name: str
    command: tuple[str, ...]
    stop_signal: str
    stop_seconds: int
    is_ready: Callable[[], bool]
    address: tuple[str, int, str] | None = None


def list_programs(settings: Settings, installation: Installation | None) -> list[Program]:
    """Return the group's programs in the order in which they start.

    Parameters
    ----------
    settings : Settings
        A server that is given by address is left out.
    installation : Installation or None
        Where the private servers are; None if both servers are given by address.
    """
    programs: list[Program] = []
    if installation is not None and settings.broker is None:
        broker = ("127.0.0.1", settings.broker_port, "FLUXTOWER_BROKER_PORT")
        programs.append(
            Program("broker", tuple(mosquitto.command(installation)), "TERM", 20, lambda: _accepts(*broker[:2]), broker)
        )
    if installation is not None and settings.dsn is None:
        database = ("127.0.0.1", settings.db_port, "FLUXTOWER_DB_PORT")
        run = _run_python("deploy.native", "run-database")
        programs.append(
            Program("database", run, "INT", 60, lambda: postgres.is_ready(settings, installation), database)
        )
    for name in ("collector", "judge", "worker", "keep"):
        programs.append(Program(name, _run_python("fluxtower", name), "TERM", 15, lambda: True))
    api = (settings.api_host, settings.api_port, "FLUXTOWER_API_PORT")
    programs.append(Program("api", _run_python("fluxtower", "api"), "TERM", 10, lambda: _answers(*api[:2]), api))
    if settings.hj212_listen:
        listener = (settings.hj212_host, settings.hj212_port, "FLUXTOWER_HJ212_PORT")
        listen = _run_python("fluxtower", "hj212", "listen")
        programs.append(
            Program("hj212-listen", listen, "TERM", 15, lambda: _accepts(*_reachable(*listener[:2])), listener)
        )
    if settings.hj212_forward:
        forward = _run_python("fluxtower", "hj212", "forward")
        programs.append(Program("hj212-forward", forward, "TERM", 15, lambda: True))
    return programs


def _reachable(host: str, port: int) -> tuple[str, int]:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port


def _run_python(module: str, *arguments: str) -> tuple[str, ...]:
    # killed at once with the supervisor: what is not committed was not acknowledged either
    setpriv = find_tool("setpriv", "apt-get install util-linux")
    return (setpriv, "--pdeathsig", "KILL", "--", sys.executable, "-m", module, *arguments)


def _accepts(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=TIMEOUT_SECONDS):
            return True
    except OSError:
        return False


def _answers(host: str, port: int) -> bool:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"http://{reachable}:{port}/api/v1/health", timeout=TIMEOUT_SECONDS) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
