"""Talking to the process supervisor: its configuration, its process, its control socket."""

from __future__ import annotations

import http.client
import os
import resource
import shlex
import stat
import subprocess
import sys
import xmlrpc.client
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from core.errors import SetupError
from core.settings import ROOT, Settings
from deploy.group.programs import Program
from deploy.native.shell import find_tool, last_lines

LOG_BYTES = 10_000_000
LOG_BACKUPS = 3
NO_ANSWER = (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError)


def render_configuration(settings: Settings, programs: Sequence[Program]) -> str:
    """Write the supervisor's configuration.

    Programs are not started with it but one after the other, by name. One that dies is started again without end: a
    failure at start is retried after 1, 2, 3... seconds.
    """
    run, log = settings.run_dir, settings.var.absolute() / "log"
    sections = [
        "[supervisord]",
        f"logfile={_escape(log / 'supervisor.log')}",
        f"logfile_maxbytes={LOG_BYTES}",
        f"logfile_backups={LOG_BACKUPS}",
        f"pidfile={_escape(run / 'supervisor.pid')}",
        f"childlogdir={_escape(log)}",
        f"minfds={_choose_open_files()}",
        *(["user=root"] if os.geteuid() == 0 else []),
        "[unix_http_server]",
        f"file={_escape(socket_path(settings))}",
        "chmod=0600",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
    ]
    for number, program in enumerate(programs, start=1):
        sections += [
            f"[program:{program.name}]",
            f"command={_escape(shlex.join(program.command))}",
            f"directory={_escape(ROOT)}",
            f"priority={number}",
            "autostart=false",
            "autorestart=true",
            "startsecs=1",
            "startretries=1000000000",
            f"stopsignal={program.stop_signal}",
            f"stopwaitsecs={program.stop_seconds}",
            f"stdout_logfile={_escape(log / f'{program.name}.log')}",
            f"stdout_logfile_maxbytes={LOG_BYTES}",
            f"stdout_logfile_backups={LOG_BACKUPS}",
            "redirect_stderr=true",
        ]
    return "\n".join(sections) + "\n"


def _choose_open_files() -> int:
    """Choose how many files a program may open: the broker needs one per station, and 1024 is a usual limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)


def _escape(value: object) -> str:
    return str(value).replace("%", "%%")


def socket_path(settings: Settings) -> Path:
    """Return the control socket's path."""
    return settings.run_dir / "supervisor.sock"


def make_folders(settings: Settings) -> None:
    """Make the folders for sockets and logs.

    Raises
    ------
    SetupError
        They cannot be made, or the socket folder is another user's.
    """
    run, log = settings.run_dir, settings.var / "log"
    try:
        log.mkdir(parents=True, exist_ok=True)
        run.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = run.lstat()
    except OSError as error:
        raise SetupError(
            f"cannot write in {settings.var}: {error.strerror}",
            "make it writable, or choose another folder with FLUXTOWER_VAR",
        ) from None
    if found.st_uid != os.geteuid() or not stat.S_ISDIR(found.st_mode):
        raise SetupError(f"{run} is not a folder of this user", "remove it, or choose a shorter FLUXTOWER_VAR")


def start_supervisor(
    settings: Settings, programs: Sequence[Program], *, detach: bool
) -> subprocess.Popen[bytes] | None:
    """Start the supervisor, as yet without programs.

    Parameters
    ----------
    settings : Settings
        Handed on to the programs through the environment.
    programs : sequence of Program
        What it can start.
    detach : bool
                Whether it outlives the thread that calls this; else it stops its programs and ends with it.

    Returns
    -------
    subprocess.Popen or None
        Its process; None if it is detached.

    Raises
    ------
    SetupError
        It refused to start.
    """
    configuration = settings.run_dir / "supervisor.conf"
    configuration.write_text(render_configuration(settings, programs))
    command = [sys.executable, "-m", "supervisor.supervisord", "--configuration", str(configuration)]
    environment = {**os.environ, **make_environment(settings)}
    if detach:
        # it goes to the background by itself, once it holds its socket
        done = subprocess.run(
            command, check=False, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode != 0:
            log = settings.var / "log" / "supervisor.log"
            raise SetupError(f"the supervisor did not start:\n    {last_lines(done.stderr)}", f"look at {log}")
        return None
    setpriv = find_tool("setpriv", "apt-get install util-linux")
    with (settings.run_dir / "supervisor.err").open("wb") as errors:
        return subprocess.Popen(
            [setpriv, "--pdeathsig", "TERM", "--", *command, "--nodaemon"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,  # Ctrl-C reaches us only: we stop the programs in order
        )


def make_environment(settings: Settings) -> Mapping[str, str]:
    """Return the environment variables that make the same settings in another process."""
    values = settings.model_dump(exclude_none=True)
    values["var"] = settings.var.absolute()
    return {f"FLUXTOWER_{name.upper()}": str(value) for name, value in values.items()}


class Control:
    """The supervisor's control socket.

    Parameters
    ----------
    settings : Settings
        Tell where it is.
    """

    def __init__(self, settings: Settings) -> None:
        self._path = socket_path(settings)

    def call(self, method: str, *arguments: Any) -> Any:
        """Call a method of supervisor's XML-RPC interface."""
        # a new connection each time: the transport keeps a broken one after a failure
        transport = SupervisorTransport(None, None, f"unix://{self._path}")
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as server:
            return getattr(server.supervisor, method)(*arguments)

    def is_up(self) -> bool:
        """Say whether a supervisor answers that is not about to end."""
        try:
            return bool(self.call("getState")["statename"] == "RUNNING")
        except (*NO_ANSWER, xmlrpc.client.Fault):
            return False

    def answers(self) -> bool:
        """Say whether a supervisor answers, be it about to end."""
        try:
            self.call("getState")
        except xmlrpc.client.Fault:
            return True
        except NO_ANSWER:
            return False
        return True

    def processes(self) -> dict[str, dict[str, Any]]:
        """Return supervisor's information on each program, by name; empty if it does not answer."""
        try:
            return {info["name"]: info for info in self.call("getAllProcessInfo")}
        except (*NO_ANSWER, xmlrpc.client.Fault):
            return {}
