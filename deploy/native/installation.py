"""Where the private servers live and which user they run as."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.errors import SetupError
from core.settings import Settings
from deploy.native.shell import find_tool

STATE_FOLDER = Path("/var/lib")
OTHER_FOLDER_REMEDY = "choose another folder with FLUXTOWER_VAR"


@dataclass(frozen=True)
class Installation:
    """Folders of one installation's servers.

    Parameters
    ----------
    home : Path
        Folder that the servers' user can reach: programs, configuration and, as a rule, data.
    data : Path
        Parent of the servers' data folders.
    user : pwd.struct_passwd
        Who the servers run as.
    """

    home: Path
    data: Path
    user: pwd.struct_passwd

    @property
    def prefix(self) -> Path:
        """Folder into which the packages are unpacked; it cannot be moved afterwards."""
        return self.home / "prefix"

    @property
    def stamp(self) -> Path:
        """File that says that the prefix is complete; written last."""
        return self.home / "installed.json"

    def give_to_user(self, path: Path) -> None:
        """Give a file or folder to the servers' user."""
        if os.geteuid() == 0:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def run_as_user(self, death_signal: str) -> list[str]:
        """Return how a server's command begins: as its user, ended with ``death_signal`` if its parent dies."""
        command = [
            find_tool("setpriv", "apt-get install util-linux"),
            "--pdeathsig",
            death_signal,
        ]
        if os.geteuid() == 0:
            command += [
                f"--reuid={self.user.pw_uid}",
                f"--regid={self.user.pw_gid}",
                "--clear-groups",
                "--no-new-privs",
            ]
        return [*command, "--"]


def find_installation(settings: Settings) -> Installation:
    """Find the folders of the servers, making them at first use.

    PostgreSQL refuses to run as root, so root's servers run as ``nobody``. Where ``nobody`` cannot reach ``var``
    (a clone under ``/root``), ``var/native`` becomes a link to a folder of its own under ``/var/lib``.

    Raises
    ------
    SetupError
        The folder cannot be written, or belongs to another user.
    """
    native = settings.native or settings.var / "native"
    user = _find_user()

    try:
        if not native.is_dir():
            native.parent.mkdir(parents=True, exist_ok=True)
            _make_home(native, user)
        home = native.resolve()
        if home.stat().st_uid != os.geteuid():
            owner = _name_user(home.stat().st_uid)
            raise SetupError(
                f"the servers in {native} belong to user {owner}",
                f"run this as {owner}, or {OTHER_FOLDER_REMEDY}",
            )
        if not _can_reach(home, user):
            raise SetupError(
                f"user {user.pw_name}, who runs the servers for root, cannot reach {home}",
                f"let others pass through its parent folders (chmod o+x), or {OTHER_FOLDER_REMEDY}",
            )
        data = home
        if settings.native is not None:
            data = home / ("data-" + hashlib.sha256(str(settings.var.resolve()).encode()).hexdigest()[:12])
            data.mkdir(mode=0o755, exist_ok=True)
    except OSError as error:
        raise SetupError(
            f"cannot write in {native}: {error.strerror}",
            f"make it writable, or {OTHER_FOLDER_REMEDY}",
        ) from None
    return Installation(home, data, user)


def _find_user() -> pwd.struct_passwd:
    if os.geteuid() == 0:
        return pwd.getpwnam("nobody")
    try:
        return pwd.getpwuid(os.geteuid())
    except KeyError:
        raise SetupError(
            f"user number {os.geteuid()} has no name on this machine, and PostgreSQL needs one",
            "run this as a user with a line in /etc/passwd, or set FLUXTOWER_DSN and FLUXTOWER_BROKER",
        ) from None


def _make_home(native: Path, user: pwd.struct_passwd) -> None:
    if _can_reach(native.parent, user):
        native.mkdir(exist_ok=True)
        native.chmod(0o755)
        return
    # the random name makes a fresh clone at the same place start afresh, instead of with the old one's data
    home = Path(tempfile.mkdtemp(prefix="fluxtower-", dir=STATE_FOLDER))
    home.chmod(0o755)
    (home / "README").write_text(f"Servers of the Fluxtower installation {native.parent.resolve()}.\n")
    if native.is_symlink():  # its target is gone
        native.unlink()
    native.symlink_to(home)


def _can_reach(path: Path, user: pwd.struct_passwd) -> bool:
    if os.geteuid() != 0:
        return True
    test = [find_tool("test", "apt-get install coreutils"), "-x", str(path)]
    return subprocess.run(test, check=False, user=user.pw_uid, group=user.pw_gid, extra_groups=[]).returncode == 0


def _name_user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def require_space(folder: Path, megabytes: int) -> None:
    """Check early that a folder can be written and has room.

    Raises
    ------
    SetupError
        It is read-only or too full.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"0")
    except OSError as error:
        raise SetupError(
            f"cannot write in {folder}: {error.strerror}",
            f"make it writable, or {OTHER_FOLDER_REMEDY}",
        ) from None
    free = shutil.disk_usage(folder).free // 1_000_000
    if free < megabytes:
        raise SetupError(
            f"{folder} has {free} MB free, {megabytes} MB are needed",
            f"free some space there, or {OTHER_FOLDER_REMEDY}",
        )


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock, so that two runs wait for each other; it ends with the process, however that ends."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
