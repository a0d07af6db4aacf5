"""Running the system's own tools, with their failures as errors that say the remedy."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from core.errors import SetupError

FULL_DISK_SIGNS = ("No space left", "File too large", "File size limit", "received signal 25", "quota exceeded")
SYSTEM_PATH = os.pathsep.join(("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin"))


def find_tool(name: str, remedy: str) -> str:
    """Return the path of a system tool; ordinary users do not have ``/sbin`` in their PATH.

    Raises
    ------
    SetupError
        The machine does not have it.
    """
    path = shutil.which(name) or shutil.which(name, path=SYSTEM_PATH)
    if path is None:
        raise SetupError(f"this machine has no {name}", remedy)
    return path


def run_tool(
    command: Sequence[str | Path],
    *,
    what: str,
    remedy: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: IO[bytes] | None = None,
) -> str:
    """Run a command and return its standard output.

    Raises
    ------
    SetupError
        It failed: ``what`` with its last lines, and ``remedy``, or that of a full disk.
    """
    setpriv = find_tool("setpriv", "apt-get install util-linux")
    # if we are killed, the tool must not go on writing where the next run starts afresh
    done = subprocess.run(
        [setpriv, "--pdeathsig", "KILL", "--", *map(str, command)],
        check=False,
        stdin=stdin or subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        cwd=cwd,
        env={**os.environ, "LC_ALL": "C", **(env or {})},
        umask=0o022,
    )
    if done.returncode != 0:
        message = done.stderr or done.stdout
        if done.returncode < 0:
            message += f"ended by {signal.strsignal(-done.returncode)}"
        raise SetupError(f"{what}:\n    {last_lines(message)}", _choose_remedy(message, remedy))
    return done.stdout


def last_lines(text: str, count: int = 6) -> str:
    """Return the last lines of a tool's output, indented to stand under a message."""
    return "\n    ".join(text.strip().splitlines()[-count:]) or "(no message)"


def _choose_remedy(message: str, remedy: str) -> str:
    if any(sign in message for sign in FULL_DISK_SIGNS):
        return "free some space there, or choose another folder with FLUXTOWER_VAR"
    return remedy
