"""The font of documents from Debian's package, without changing the system."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from core.errors import SetupError
from core.fonts import PACKAGE, find_font, font_home
from core.settings import Settings
from deploy.native import apt
from deploy.native.installation import hold_lock
from deploy.native.prefix import Report

EXCLUDED_PATHS = ("./usr/share/doc", "./etc", "./var")


def install(settings: Settings, report: Report) -> Path:
    """Provide the font: the machine's own, or the package unpacked beside the private servers.

    Returns
    -------
    Path
        Its folder.

    Raises
    ------
    SetupError
        No network, or the machine's sources have no such package.
    """
    try:
        return find_font(settings)
    except SetupError:
        pass
    home = font_home(settings)
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(
            f"cannot write in {home}: {error.strerror}", "choose another folder with FLUXTOWER_NATIVE"
        ) from None
    with hold_lock(home / "lock"):
        for left in home.glob("unpack-*"):  # of a run that was killed
            shutil.rmtree(left)
        with tempfile.TemporaryDirectory(prefix="unpack-", dir=home) as work:
            report("downloading the font of documents")
            machine = apt.open_machine(Path(work))
            debs, prefix = Path(work) / "debs", Path(work) / "prefix"
            debs.mkdir()
            prefix.mkdir()
            apt.download(machine, [PACKAGE], debs)
            apt.unpack(debs, prefix, EXCLUDED_PATHS)
            for file in prefix.rglob("*.ttc"):
                file.replace(home / file.name)
    return find_font(settings)
