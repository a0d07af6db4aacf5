"""A private apt: the machine's mirror and Debian's signatures, but lists, cache and status of our own."""

from __future__ import annotations

import platform
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from core.errors import SetupError
from core.settings import Settings
from deploy.native.shell import find_tool, run_tool

NOT_DEBIAN_REMEDY = (
    "the native servers need Debian or Ubuntu; elsewhere use deploy/compose.yaml, or set FLUXTOWER_DSN and "
    "FLUXTOWER_BROKER to servers that exist"
)
RETRY_REMEDY = (
    "check the network and run the same command again (it goes on where it can); behind a proxy set http_proxy; "
    "or set FLUXTOWER_DSN and FLUXTOWER_BROKER to servers that exist"
)
KEYRINGS = ("debian-archive-keyring.gpg", "debian-archive-keyring.pgp")
MACHINE_STATUS = Path("/var/lib/dpkg/status")


@dataclass(frozen=True)
class Apt:
    """One private apt: where it works and which packages it takes as installed.

    Parameters
    ----------
    work : Path
        Folder for its lists and cache; made by `open_apt`.
    arguments : tuple of str
        What every call of apt-get must be given.
    """

    work: Path
    arguments: tuple[str, ...]

    def run(self, *arguments: str, what: str, cwd: Path | None = None) -> str:
        """Run apt-get with this configuration and return its output."""
        return run_tool([*self.arguments, *arguments], what=what, remedy=RETRY_REMEDY, cwd=cwd)


def open_apt(work: Path, *, source: str | None, status: Path | None) -> Apt:
    """Make a private apt in ``work``.

    Parameters
    ----------
    work : Path
        Folder that exists and is empty.
    source : str or None
        One-line sources entry; None means the machine's own sources.
    status : Path or None
        dpkg status file of what counts as installed; None means nothing is.
    """
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    if status is None:
        status = work / "status"
        status.touch()
    lines = [
        f'Dir::State "{work}/state";',
        f'Dir::State::status "{status}";',
        f'Dir::Cache "{work}/cache";',
        # as root, apt's own sandbox user cannot read a private folder
        'APT::Sandbox::User "root";',
        'Debug::NoLocking "true";',
        'APT::Install-Recommends "false";',
        'APT::Update::Error-Mode "any";',
        'Acquire::Languages "none";',
        'Acquire::http::Timeout "30";',
        'Acquire::https::Timeout "30";',
        # the machine's hooks clean or index the machine's own folders
        *(f"#clear {hook};" for hook in ("APT::Update::Pre-Invoke", "APT::Update::Post-Invoke")),
        "#clear APT::Update::Post-Invoke-Success;",
        *(
            f'Acquire::IndexTargets::deb::{extra}::DefaultEnabled "false";'
            for extra in ("DEP-11", "CNF", "Contents-deb")
        ),
    ]
    if source is not None:
        (work / "sources.list").write_text(source + "\n")
        lines += [
            f'Dir::Etc::sourcelist "{work}/sources.list";',
            'Dir::Etc::sourceparts "/dev/null";',
            'Dir::Etc::preferences "/dev/null";',
            'Dir::Etc::preferencesparts "/dev/null";',
        ]
    (work / "apt.conf").write_text("\n".join(lines) + "\n")
    return Apt(work, (find_tool("apt-get", NOT_DEBIAN_REMEDY), "-c", str(work / "apt.conf"), "-q"))


def open_debian(settings: Settings, work: Path, suite: str) -> Apt:
    """Make a private apt for one Debian suite, starting from an empty system, and fetch its package list.

    Raises
    ------
    SetupError
        No mirror is known, it does not answer, or its signature is wrong.
    """
    machine = open_apt(_subfolder(work, "machine"), source=None, status=MACHINE_STATUS)
    mirror = settings.debian_mirror or _read_mirror(machine)
    keyring = _find_keyring(machine)
    apt = open_apt(
        _subfolder(work, "debian"),
        source=f"deb [signed-by={keyring} target=Packages] {mirror} {suite} main",
        status=None,
    )
    apt.run("update", what=f"cannot read the package list of Debian {suite} from {mirror}")
    return apt


def open_machine(work: Path) -> Apt:
    """Make a private apt for the machine's own suites and installed packages, and fetch its package lists."""
    apt = open_apt(_subfolder(work, "machine"), source=None, status=MACHINE_STATUS)
    apt.run("update", what="cannot read the package lists of this machine's apt sources")
    return apt


def _subfolder(work: Path, name: str) -> Path:
    (work / name).mkdir()
    return work / name


def _read_mirror(machine: Apt) -> str:
    release = platform.freedesktop_os_release()
    listing = machine.run("update", "--print-uris", what="cannot read this machine's apt sources")
    mirror = find_mirror(listing, release.get("VERSION_CODENAME", ""))
    if mirror is None:
        raise SetupError(
            "this machine's apt sources name no Debian mirror",
            "set FLUXTOWER_DEBIAN_MIRROR to one, e.g. FLUXTOWER_DEBIAN_MIRROR=https://MIRROR/debian, "
            "or set FLUXTOWER_DSN and FLUXTOWER_BROKER to servers that exist",
        )
    return mirror


def find_mirror(listing: str, codename: str) -> str | None:
    """Find the Debian mirror in what ``apt-get update --print-uris`` prints.

    Parameters
    ----------
    listing : str
        Lines like ``'http://MIRROR/debian/dists/bookworm/InRelease' NAME 0``.
    codename : str
        The machine's release; third parties often use the same name for theirs.

    Returns
    -------
    str or None
        Address before ``/dists``; an archive that also carries updates or ends in ``/debian`` is preferred, and
        one that does neither counts only if nothing speaks against it being Debian's. None: there is none.
    """
    suites: dict[str, set[str]] = {}
    for uri, suite in re.findall(r"^'(\S+?)/dists/(\S+)/InRelease'", listing, re.MULTILINE):
        suites.setdefault(uri, set()).add(suite)
    names = {
        codename,
        "stable",
        "oldstable",
        "testing",
        "unstable",
        "trixie",
        "sid",
    } - {""}

    def rank(uri: str) -> int:
        updates = any(f"{name}-updates" in suites[uri] for name in names)
        return 2 * updates + _is_debian(uri)

    candidates = [uri for uri, found in suites.items() if found & names and rank(uri) and "ubuntu" not in uri]
    return max(candidates, key=rank, default=None)


def _is_debian(uri: str) -> bool:
    return urlsplit(uri).path.rstrip("/").endswith(("/debian", "/debian.list"))


def _find_keyring(machine: Apt) -> Path:
    for name in KEYRINGS:
        path = Path("/usr/share/keyrings") / name
        if path.exists():
            return path
    machine.run("update", what="cannot read the package lists of this machine's apt sources")
    folder = _subfolder(machine.work, "keyring")
    download(machine, ["debian-archive-keyring"], folder)
    unpack(folder, folder, exclude=())
    return next(path for name in KEYRINGS if (path := folder / "usr/share/keyrings" / name).exists())


def list_closure(apt: Apt, packages: Sequence[str]) -> dict[str, int]:
    """Return the packages that must come with ``packages``, themselves included, and their sizes. [bytes]"""
    listing = apt.run(
        "install",
        "--print-uris",
        "-qq",
        "-y",
        *packages,
        what=f"cannot find what {', '.join(packages)} need(s)",
    )
    found = re.findall(r"^'\S+' ([^_\s]+)_\S+ (\d+)", listing, re.MULTILINE)
    return {name: int(size) for name, size in found}


def download(apt: Apt, packages: Sequence[str], folder: Path) -> None:
    """Download packages into a folder; apt checks each against the signed list."""
    apt.run(
        "download",
        *packages,
        what=f"cannot download {len(packages)} package(s)",
        cwd=folder,
    )


def unpack(debs: Path, prefix: Path, exclude: Sequence[str]) -> None:
    """Unpack all packages in ``debs`` under ``prefix``: modes by umask 022, no owner, no set-user-id bits."""
    dpkg_deb, tar = (
        find_tool("dpkg-deb", NOT_DEBIAN_REMEDY),
        find_tool("tar", "apt-get install tar"),
    )
    excluded = [f"--exclude={part}" for part in exclude]
    command = [tar, "-x", "--no-same-owner", "--no-same-permissions", "-C", str(prefix), *excluded]
    for deb in sorted(debs.glob("*.deb")):
        with subprocess.Popen(
            [dpkg_deb, "--fsys-tarfile", deb],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as archive:
            run_tool(
                command,
                stdin=archive.stdout,
                what=f"cannot unpack {deb.name} into {prefix}",
                remedy="check that the disk is healthy and run the same command again",
            )
