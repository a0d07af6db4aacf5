"""The private PostgreSQL: its cluster, its configuration, its command."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from core.errors import SetupError
from core.settings import ROOT, Settings
from deploy.native.installation import Installation, hold_lock
from deploy.native.shell import last_lines

PROGRAM_FOLDER = "usr/lib/postgresql/17/bin"
CONFIGURATION = ROOT / "deploy" / "postgresql"


def initialise(settings: Settings, installation: Installation) -> None:
    """Make the cluster with role and database ``fluxtower``, unless it exists; a run that was interrupted is redone.

    Raises
    ------
    SetupError
        initdb or the first statements failed.
    """
    if cluster(installation).exists():
        return
    if not Path("/usr/share/zoneinfo/UTC").exists():
        raise SetupError("this machine has no time-zone files", "apt-get install tzdata")
    with hold_lock(installation.home / "lock"):
        if cluster(installation).exists():
            return
        new = installation.data / "database.new"
        if new.exists():
            shutil.rmtree(new)
        new.mkdir(mode=0o700)
        installation.give_to_user(new)
        _run_initdb(settings, installation, new)
        _run_single(installation, new, "postgres", "CREATE DATABASE fluxtower")
        _run_single(installation, new, "fluxtower", "CREATE EXTENSION timescaledb")
        new.rename(cluster(installation))


def cluster(installation: Installation) -> Path:
    """Return PostgreSQL's data folder."""
    return installation.data / "database"


def _run_initdb(settings: Settings, installation: Installation, folder: Path) -> None:
    with tempfile.NamedTemporaryFile("w", dir=installation.data) as password:
        password.write(settings.secret("database"))
        password.flush()
        installation.give_to_user(Path(password.name))
        # the built-in locale does not change with the machine's libc
        options = ["-U", "fluxtower", "-A", "scram-sha-256", "--pwfile", password.name, "-E", "UTF8"]
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        _run_as_server(installation, ["initdb", "-D", str(folder), *options, *locale])


def _run_single(installation: Installation, folder: Path, database: str, statement: str) -> None:
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
    _run_as_server(installation, command, statement + ";\n\n")


def _run_as_server(installation: Installation, command: list[str], text: str = "") -> None:
    program = installation.prefix / PROGRAM_FOLDER / command[0]

    done = subprocess.run(
        [*installation.run_as_user("KILL"), str(program), *command[1:]],
        check=False,
        input=text,
        capture_output=True,
        text=True,
        cwd=installation.data,
        env={**os.environ, "LC_ALL": "C"},
    )
    if done.returncode != 0:
        raise SetupError(
            f"cannot make the database in {installation.data} ({command[0]}):\n    {last_lines(done.stderr)}",
            "free some space if the disk is full, and run the same command again; "
            "`python -m deploy.native install --again` renews the programs",
        )


def write_configuration(installation: Installation) -> None:
    """Copy the configuration to where the servers' user can read it."""
    target = installation.data / "etc"
    target.mkdir(mode=0o755, exist_ok=True)
    for name in ("postgresql.conf", "pg_hba.conf"):
        shutil.copyfile(CONFIGURATION / name, target / name)
        (target / name).chmod(0o644)


def command(settings: Settings, installation: Installation) -> list[str]:
    """Return the command that runs the server in the foreground; SIGINT is its fast shutdown."""
    etc = installation.data / "etc"
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
        *installation.run_as_user("INT"),
        str(installation.prefix / PROGRAM_FOLDER / "postgres"),
        "-D",
        str(cluster(installation)),
        *given,
    ]


def _choose_memory(total: int) -> tuple[int, int]:
    """Choose shared_buffers and effective_cache_size for a machine of ``total``. [MiB]"""
    return min(max(total // 16, 64), 512), max(total // 3, 128)


def clear_stale_lock(installation: Installation) -> None:
    """Remove a lock file whose process is gone but whose number another process has got: PostgreSQL would not start."""
    lock = cluster(installation) / "postmaster.pid"
    try:
        pid = int(lock.read_text().split()[0])
        holder = Path(f"/proc/{pid}/cwd").resolve(strict=True)
    except (OSError, ValueError, IndexError):
        return  # no lock, or nobody of ours has that number: PostgreSQL sees that itself
    if holder != cluster(installation).resolve():
        lock.unlink(missing_ok=True)


def run_server(settings: Settings, installation: Installation) -> None:
    """Become the database server."""
    clear_stale_lock(installation)
    argv = command(settings, installation)
    os.execv(argv[0], argv)


def is_ready(settings: Settings, installation: Installation) -> bool:
    """Say whether the server accepts connections."""
    ask = [
        str(installation.prefix / PROGRAM_FOLDER / "pg_isready"),
        "-q",
        "-h",
        "127.0.0.1",
        "-p",
        str(settings.db_port),
        "-t",
        "2",
    ]
    return subprocess.run(ask, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
