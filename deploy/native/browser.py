"""A Chromium for the tests of the pages, without changing the system."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from core.errors import SetupError
from core.settings import Settings
from deploy.native import apt
from deploy.native.installation import hold_lock, require_space
from deploy.native.prefix import Report

SYSTEM_BROWSERS = ("chromium", "google-chrome", "google-chrome-stable")
PACKAGES = ("chromium", "fonts-wqy-microhei", "fonts-dejavu-core")
EXCLUDED_PATHS = ("./usr/share/doc", "./usr/share/man", "./usr/share/locale", "./var")
NEEDED_MEGABYTES = 1000
# a page of ours on loopback: no sandbox (it needs rights that containers lack) and no calls home
BROWSER_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def install(settings: Settings, report: Report) -> Path:
    """Provide a Chromium: the machine's own, or one unpacked under ``var/browser`` with what the machine lacks.

    Returns
    -------
    Path
        The program.

    Raises
    ------
    SetupError
        No network, no space, or the machine's sources have no Chromium package.
    """
    system = _find_system_browser()
    if system is not None:
        return system
    home = _home(settings)
    program = home / "prefix/usr/lib/chromium/chromium"
    if (home / "installed").exists():
        return program
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(
            f"cannot write in {home}: {error.strerror}",
            "choose another folder with FLUXTOWER_VAR",
        ) from None
    require_space(home, NEEDED_MEGABYTES)
    with hold_lock(home / "lock"):
        if (home / "installed").exists():
            return program
        for left in home.glob("unpack-*"):  # of a run that was killed
            shutil.rmtree(left)
        with tempfile.TemporaryDirectory(prefix="unpack-", dir=home) as work:
            _unpack_browser(Path(work), home / "prefix", report)
        _write_fonts(home)
        (home / "installed").touch()
        report("browser is installed")
    return program


def browser_command(settings: Settings) -> tuple[Path, dict[str, str]]:
    """Return the installed browser's program and the environment it needs; give it `BROWSER_FLAGS` too.

    Raises
    ------
    SetupError
        There is none yet.
    """
    system = _find_system_browser()
    if system is not None:
        return system, dict(os.environ)
    home = _home(settings)
    if not (home / "installed").exists():
        raise SetupError("there is no browser for the tests", "run `scripts/setup --browser`")
    prefix = home / "prefix"
    folders = [path for path in prefix.glob("usr/lib/*-linux-gnu*") if path.is_dir()]
    # private sub-folders of libraries, e.g. PulseAudio's, are found by run paths only when installed
    folders += [path for folder in folders for path in (folder / "pulseaudio",) if path.is_dir()]
    return prefix / "usr/lib/chromium/chromium", {
        **os.environ,
        "LD_LIBRARY_PATH": os.pathsep.join(map(str, folders)),
        "FONTCONFIG_FILE": str(home / "fonts.conf"),
    }


def _home(settings: Settings) -> Path:
    return settings.var.absolute() / "browser"


def _find_system_browser() -> Path | None:
    found = next(filter(None, map(shutil.which, SYSTEM_BROWSERS)), None)
    return None if found is None else Path(found)


def _unpack_browser(work: Path, prefix: Path, report: Report) -> None:
    report("reading the package lists of this machine")
    machine = apt.open_machine(work)
    closure = apt.list_closure(machine, PACKAGES)
    report(f"downloading a browser: {len(closure)} packages, {sum(closure.values()) / 1e6:.0f} MB")
    (work / "debs").mkdir()
    apt.download(machine, sorted(closure), work / "debs")
    report("unpacking")
    if prefix.exists():
        shutil.rmtree(prefix)
    prefix.mkdir()
    apt.unpack(work / "debs", prefix, EXCLUDED_PATHS)


def _write_fonts(home: Path) -> None:
    fonts = "<family>DejaVu Sans</family><family>WenQuanYi Micro Hei</family>"
    (home / "fonts.conf").write_text(
        f"""<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>/usr/share/fonts</dir>
  <dir>{home}/prefix/usr/share/fonts</dir>
  <cachedir>{home}/fonts-cache</cachedir>
  <alias><family>sans-serif</family><prefer>{fonts}</prefer></alias>
  <alias><family>system-ui</family><prefer>{fonts}</prefer></alias>
</fontconfig>
"""
    )
