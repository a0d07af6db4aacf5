"""Starting and stopping the group."""

from __future__ import annotations

import shutil
import signal
import subprocess
import threading
import time
import xmlrpc.client
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from supervisor.xmlrpc import Faults

from core.errors import SetupError
from core.settings import Settings
from deploy.group.ports import require_port
from deploy.group.programs import PROGRAM_NAMES, SERVERS, SWITCHED, Program, list_programs
from deploy.group.supervisor import NO_ANSWER, Control, make_folders, start_supervisor
from deploy.native import mosquitto, postgres, prefix
from deploy.native.installation import Installation, find_installation, hold_lock
from deploy.native.shell import last_lines

READY_SECONDS = 90
STOP_SECONDS = 130
# starts of a program before it counts as broken; the database's (True) first fail while an earlier one is ending
START_ATTEMPTS = {False: 3, True: 8}

Report = Callable[[str], None]


class _Stop(KeyboardInterrupt):
    """A signal asked this process to end."""


def up(
    settings: Settings,
    only: Sequence[str] | None = None,
    *,
    detach: bool = False,
    report: Report = print,
    prepare: Callable[[], object] | None = None,
) -> None:
    """Start the group and wait until it is ready; in the foreground, stay until Ctrl-C, SIGTERM or `down`.

    Programs that run already are left alone; if another process started the group, this returns when all is ready.

    Parameters
    ----------
    settings : Settings
        Which servers, where, on which ports.
    only : sequence of str, optional
        Names of the programs to start, out of `PROGRAM_NAMES`; by default all.
    detach : bool
        Return when all is ready, and leave the group running.
    report : callable
        Gets one line per step.
    prepare : callable, optional
        Called when the servers are ready, before our own programs start (migrations).

    Raises
    ------
    SetupError
        A taken port, a program that does not become ready, a folder that cannot be used. Nothing is left running
        that was not running before.
    """
    with _signals_as_exceptions():
        supervisor: subprocess.Popen[bytes] | None = None
        try:
            supervisor = _bring_up(settings, only, detach, report, prepare)
            if supervisor is None:
                return
            report("running; Ctrl-C stops it")
            status = supervisor.wait()
            if status != 0:
                remedy = f"look at {settings.var / 'log'}, then start again"
                raise SetupError(f"the supervisor ended with status {status}", remedy)
        except _Stop:
            report("stopping")
        finally:
            if supervisor is not None:
                _end(settings, supervisor)
    report("stopped")


@contextmanager
def running(
    settings: Settings,
    only: Sequence[str] | None = None,
    *,
    report: Report = print,
    prepare: Callable[[], object] | None = None,
) -> Iterator[None]:
    """Run the group, or some of it, for the time of a block, and no longer than the calling thread lives.

    What runs already is used and left running. SIGINT, SIGTERM and SIGHUP end the block with a ``KeyboardInterrupt``.
    Parameters and errors are those of `up`.
    """
    with _signals_as_exceptions():
        supervisor = _bring_up(settings, only, False, report, prepare)
        try:
            yield
        finally:
            if supervisor is not None:
                _end(settings, supervisor)


@contextmanager
def servers(settings: Settings, *, keep: bool = True, report: Report = lambda line: None) -> Iterator[Settings]:
    """Run only the private database and broker for the time of a block, as `running` does.

    Parameters
    ----------
    settings : Settings
        Where and on which ports; with ``native`` set, the data lie in a folder of their own for each ``var``.
    keep : bool
        Whether the data stay afterwards; False needs ``native``.
    report : callable
        Gets one line per step.
    """
    with running(settings, SERVERS, report=report):
        yield settings
    if not keep and settings.native is not None:
        shutil.rmtree(find_installation(settings).data)


def down(settings: Settings) -> bool:
    """Stop the group, whoever started it; return whether there was one.

    Raises
    ------
    SetupError
        It did not end in time.
    """
    control = Control(settings)
    if not control.answers():
        return False
    with suppress(xmlrpc.client.Fault, *NO_ANSWER):
        control.call("shutdown")
    if not _wait(lambda: not control.answers(), STOP_SECONDS):
        raise SetupError("the group does not stop", f"look at {settings.var / 'log' / 'supervisor.log'}")
    return True


def _bring_up(
    settings: Settings, only: Sequence[str] | None, detach: bool, report: Report, prepare: Callable[[], object] | None
) -> subprocess.Popen[bytes] | None:
    """Start what is not running and wait until it is ready; return the supervisor if it is to end with this process."""
    installation = None if settings.dsn and settings.broker else prefix.install(settings, report)
    programs = list_programs(settings, installation)
    names = _check_names(settings, only)
    chosen = [program for program in programs if program.name in names]
    servers = [program for program in chosen if program.name in SERVERS]
    make_folders(settings)
    control = Control(settings)
    with hold_lock(settings.run_dir / "lock"):
        _wait(lambda: control.is_up() or not control.answers(), STOP_SECONDS)  # an earlier group may be ending
        _prepare_missing(settings, installation, control, chosen)
        with _supervised(settings, programs, control, detach, report) as supervisor:
            _start(settings, control, servers, report)
            if prepare is not None:
                prepare()
            _start(settings, control, [program for program in chosen if program not in servers], report)
    return supervisor


@contextmanager
def _supervised(
    settings: Settings, programs: Sequence[Program], control: Control, detach: bool, report: Report
) -> Iterator[subprocess.Popen[bytes] | None]:
    """Have a supervisor for the block; one that was started here ends with an error of the block, and only then."""
    if control.is_up():
        report("the group is up already")
        yield None
        return
    supervisor = None
    try:
        supervisor = start_supervisor(settings, programs, detach=detach)
        _wait_for_supervisor(settings, control, supervisor)
        yield supervisor
    except BaseException:
        if supervisor is None:
            down(settings)
        else:
            _end(settings, supervisor)
        raise


def _prepare_missing(
    settings: Settings, installation: Installation | None, control: Control, chosen: Sequence[Program]
) -> None:
    """See to the ports and the data folders of those programs that do not run yet."""
    running = {name for name, info in control.processes().items() if info["statename"] != "STOPPED"}
    missing = [program for program in chosen if program.name not in running]
    _require_ports(missing, installation)
    if installation is not None:
        _prepare_servers(settings, installation, {program.name for program in missing})


def _check_names(settings: Settings, only: Sequence[str] | None) -> Sequence[str]:
    unknown = set(only or ()) - set(PROGRAM_NAMES)
    if unknown:
        remedy = f"the programs are {', '.join(PROGRAM_NAMES)}"
        raise SetupError(f"there is no program {', '.join(sorted(unknown))}", remedy)
    for name in only or ():
        if name in SWITCHED and not getattr(settings, SWITCHED[name]):
            raise SetupError(f"{name} is switched off", f"set FLUXTOWER_{SWITCHED[name].upper()}=true")
    return PROGRAM_NAMES if only is None else only


def _require_ports(programs: Sequence[Program], installation: Installation | None) -> None:
    for program in programs:
        if program.address is not None:
            require_port(*program.address, ours=None if installation is None else installation.prefix)


def _prepare_servers(settings: Settings, installation: Installation, names: set[str]) -> None:
    try:
        if "database" in names:
            postgres.initialise(settings, installation)
            postgres.write_configuration(installation)
        if "broker" in names:
            mosquitto.initialise(installation)
            mosquitto.write_configuration(settings, installation)
    except OSError as error:
        what = f"cannot write in {installation.data}: {error.strerror}"
        raise SetupError(what, "free some space there, or choose another folder with FLUXTOWER_VAR") from None


def _wait_for_supervisor(settings: Settings, control: Control, supervisor: subprocess.Popen[bytes] | None) -> None:
    _wait(lambda: control.is_up() or (supervisor is not None and supervisor.poll() is not None), READY_SECONDS)
    if not control.is_up():
        text = (settings.run_dir / "supervisor.err").read_text(errors="replace")
        raise SetupError(f"the supervisor did not start:\n    {last_lines(text)}", f"look at {settings.var / 'log'}")


def _start(settings: Settings, control: Control, programs: Sequence[Program], report: Report) -> None:
    """Start programs and wait until each is ready."""
    begun = time.monotonic()
    for program in programs:
        try:
            control.call("startProcess", program.name, False)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != Faults.ALREADY_STARTED:
                what = f"the group that is up cannot start {program.name}: {fault.faultString}"
                raise SetupError(what, "stop it (`fluxtower down`) and start again") from None
    for program in programs:
        if not _await_ready(control, program):
            log = settings.var / "log" / f"{program.name}.log"
            raise SetupError(f"{program.name} does not become ready:\n    {_read_end(log)}", f"look at {log}")

        where = "" if program.address is None else f" on {program.address[0]}:{program.address[1]}"
        report(f"{program.name} is ready{where} ({time.monotonic() - begun:.1f} s)")


def _await_ready(control: Control, program: Program) -> bool:
    """Wait until a program is ready; return False after a time, or sooner if it dies again and again."""
    pids: set[int] = set()
    _wait(
        lambda: _is_ready(control, program, pids) or len(pids) > START_ATTEMPTS[program.name in SERVERS], READY_SECONDS
    )
    return _is_ready(control, program, pids)


def _is_ready(control: Control, program: Program, pids: set[int]) -> bool:
    info = control.processes().get(program.name, {})
    pids.update({info.get("pid", 0)} - {0})
    state = info.get("statename")
    if state == "STARTING" and program.address is not None:
        return program.is_ready()  # no need to wait until the supervisor trusts it
    return state == "RUNNING" and program.is_ready()


def _read_end(log: Path) -> str:
    try:
        return last_lines(log.read_text(errors="replace"), 15)
    except OSError:
        return "(no log)"


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition holds; return whether it does."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _end(settings: Settings, supervisor: subprocess.Popen[bytes]) -> None:
    """Let the supervisor stop its programs, and wait."""
    if supervisor.poll() is not None:
        return
    try:
        # quicker than a signal: each question wakes it, else it looks once a second
        if not down(settings):
            supervisor.terminate()
        supervisor.wait(STOP_SECONDS)
    except (SetupError, subprocess.TimeoutExpired):
        supervisor.kill()  # its programs end with it
        supervisor.wait()


@contextmanager
def _signals_as_exceptions() -> Iterator[None]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into `_Stop`; later ones must not disturb the clean end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def stop(number: int, frame: FrameType | None) -> None:
        for one in caught:
            signal.signal(one, signal.SIG_IGN)
        raise _Stop

    before = {one: signal.signal(one, stop) for one in caught}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
