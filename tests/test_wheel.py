"""The wheel holds every file that the packages read beside their modules."""

from __future__ import annotations

import zipfile
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

from core.settings import ROOT
from tests.test_layers import PACKAGES


def test_what_lies_beside_the_modules_is_in_the_wheel(tmp_path: Path) -> None:
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    beside = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        # kernels leave what they compiled among the byte code
        if path.is_file() and path.suffix != ".py" and path.parent.name != "__pycache__"
    }
    assert {"core/store/sql/fluxes.sql", "ingest/agent/spool.sql"} <= beside
    assert beside <= packed
