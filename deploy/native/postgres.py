"""The private PostgreSQL: its cluster, its configuration, its command."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from core.errors import SetupError
from core.settings import ROOT, Settings
from deploy.native.place import Place, hold_lock
from deploy.native.shell import last_lines

BIN = "usr/lib/postgresql/17/bin"
SETTINGS = ROOT / "deploy" / "postgresql"


def initialise(settings: Settings, place: Place) -> None:
    """Make the cluster with role and database ``fluxtower``, unless it exists; a run that was interrupted is redone.

    Raises
    ------
    SetupError
        initdb or the first statements failed.
    """
    if cluster(place).exists():
        return
    if not Path("/usr/share/zoneinfo/UTC").exists():
        raise SetupError("this machine has no time-zone files", "apt-get install tzdata")
    with hold_lock(place.home / "lock"):
        if cluster(place).exists():
            return
        new = place.data / "database.new"
        if new.exists():
            shutil.rmtree(new)
        new.mkdir(mode=0o700)
        place.own(new)
        _run_initdb(settings, place, new)
        _run_single(place, new, "postgres", "CREATE DATABASE fluxtower")
        _run_single(place, new, "fluxtower", "CREATE EXTENSION timescaledb")
        new.rename(cluster(place))


def cluster(place: Place) -> Path:
    """Return PostgreSQL's data folder."""
    return place.data / "database"


def _run_initdb(settings: Settings, place: Place, folder: Path) -> None:
    with tempfile.NamedTemporaryFile("w", dir=place.data) as password:
        password.write(settings.secret("database"))
        password.flush()
        place.own(Path(password.name))
        # the built-in locale does not change with the machine's libc
        options = ["-U", "fluxtower", "-A", "scram-sha-256", "--pwfile", password.name, "-E", "UTF8"]
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        _run_as_server(place, ["initdb", "-D", str(folder), *options, *locale])


def _run_single(place: Place, folder: Path, database: str, statement: str) -> None:
    preload = [
        "-c",
        "shared_preload_libraries=timescaledb",
        "-c",
        "timescaledb.telemetry_level=off",
    ]
    command = [
        "postgres",
        "--single",
        "-j",
        "-D",
        str(folder),
        *preload,
        "-c",
        "exit_on_error=on",
        database,
    ]
    _run_as_server(place, command, statement + ";\n\n")


def _run_as_server(place: Place, command: list[str], text: str = "") -> None:
    program = place.prefix / BIN / command[0]

    done = subprocess.run(
        [*place.drop("KILL"), str(program), *command[1:]],
        check=False,
        input=text,
        capture_output=True,
        text=True,
        cwd=place.data,
        env={**os.environ, "LC_ALL": "C"},
    )
    if done.returncode != 0:
        raise SetupError(
            f"cannot make the database in {place.data} ({command[0]}):\n    {last_lines(done.stderr)}",
            "free some space if the disk is full, and run the same command again; "
            "`python -m deploy.native install --again` renews the programs",
        )


def write_configuration(place: Place) -> None:
    """Copy the configuration to where the servers' user can read it."""
    target = place.data / "etc"
    target.mkdir(mode=0o755, exist_ok=True)
    for name in ("postgresql.conf", "pg_hba.conf"):
        shutil.copyfile(SETTINGS / name, target / name)
        (target / name).chmod(0o644)


def command(settings: Settings, place: Place) -> list[str]:
    """Return the command that runs the server in the foreground; SIGINT is its fast shutdown."""
    etc = place.data / "etc"
    shared, cache = _choose_memory(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20)
    options = {
        "config_file": etc / "postgresql.conf",
        "hba_file": etc / "pg_hba.conf",
        "port": settings.db_port,
        "shared_buffers": f"{shared}MB",
        "effective_cache_size": f"{cache}MB",
    }
    given = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    return [
        *place.drop("INT"),
        str(place.prefix / BIN / "postgres"),
        "-D",
        str(cluster(place)),
        *given,
    ]


def _choose_memory(total: int) -> tuple[int, int]:
    """Choose shared_buffers and effective_cache_size for a machine of ``total``. [MiB]"""
    return min(max(total // 16, 64), 512), max(total // 3, 128)


def clear_stale_lock(place: Place) -> None:
    """Remove a lock file whose process is gone but whose number another process has got: PostgreSQL would not start."""
    lock = cluster(place) / "postmaster.pid"
    try:
        pid = int(lock.read_text().split()[0])
        holder = Path(f"/proc/{pid}/cwd").resolve(strict=True)
    except (OSError, ValueError, IndexError):
        return  # no lock, or nobody of ours has that number: PostgreSQL sees that itself
    if holder != cluster(place).resolve():
        lock.unlink(missing_ok=True)


def run_server(settings: Settings, place: Place) -> None:
    """Become the database server."""
    clear_stale_lock(place)
    argv = command(settings, place)
    os.execv(argv[0], argv)


def is_ready(settings: Settings, place: Place) -> bool:
    """Say whether the server accepts connections."""
    ask = [
        str(place.prefix / BIN / "pg_isready"),
        "-q",
        "-h",
        "127.0.0.1",
        "-p",
        str(settings.db_port),
        "-t",
        "2",
    ]
    return subprocess.run(ask, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
