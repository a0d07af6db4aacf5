"""Folders and settings for trying set-up and group apart from the other tests' servers."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.settings import Settings, read_settings
from deploy.native.installation import find_installation
from deploy.native.prefix import install
from tests.conftest import free_port


@pytest.fixture
def reachable_var() -> Iterator[Path]:
    """A ``var``, not made yet, that the servers' user can reach also when root runs the tests."""
    folder = Path(tempfile.mkdtemp(prefix="fluxtower-test-"))
    folder.chmod(0o755)
    yield folder / "var"
    shutil.rmtree(folder)


@pytest.fixture
def shared_native(tmp_path: Path) -> Iterator[Settings]:
    """Settings of a group with data, logs and ports of its own, and the programs that the installation has."""
    ours = read_settings()
    ports = {name: free_port() for name in ("db_port", "broker_port", "api_port")}
    native = ours.native or ours.var / "native"
    settings = ours.model_copy(update={"var": tmp_path / "var", "native": native, "dsn": None, "broker": None, **ports})
    install(settings, lambda line: None)
    yield settings
    shutil.rmtree(find_installation(settings).data)
