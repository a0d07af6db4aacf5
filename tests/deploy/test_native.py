"""Set-up on machines where something is missing: a clear message with its remedy, and nothing half-done that stays."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.errors import SetupError
from core.settings import ROOT, Settings
from deploy.native.installation import find_installation
from deploy.native.prefix import install, is_installed
from tests.waiting import SOON

MIB = 2**20


def run_install(
    var: Path, *, env: dict[str, str] | None = None, file_size: int | None = None
) -> subprocess.CompletedProcess[str]:
    def limit() -> None:
        if file_size is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))

    return subprocess.run(
        [sys.executable, "-m", "deploy.native", "install"],
        cwd=ROOT,
        env={**os.environ, "FLUXTOWER_VAR": str(var), **(env or {})},
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )


def test_no_network(reachable_var: Path) -> None:
    mirror = "http://127.0.0.1:9/debian"
    settings = Settings(var=reachable_var, debian_mirror=mirror)
    with pytest.raises(SetupError, match=mirror) as caught:
        install(settings, lambda line: None)
    assert "FLUXTOWER_DSN" in caught.value.remedy
    assert "again" in caught.value.remedy
    assert not is_installed(find_installation(settings))
    assert not list(find_installation(settings).home.glob("unpack-*"))


def test_no_network_from_the_command_line(reachable_var: Path) -> None:
    done = run_install(reachable_var, env={"FLUXTOWER_DEBIAN_MIRROR": "http://127.0.0.1:9/debian"})
    assert done.returncode == 1
    assert done.stderr.startswith("error: cannot read the package list of Debian trixie from http://127.0.0.1:9/debian")
    assert "remedy: " in done.stderr
    assert "Traceback" not in done.stderr


def test_file_that_cannot_grow(reachable_var: Path) -> None:
    done = run_install(reachable_var, file_size=MIB)
    assert done.returncode == 1
    assert "FLUXTOWER_VAR" in done.stderr
    assert "Traceback" not in done.stderr


def test_var_under_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="cannot write in") as caught:
        install(Settings(var=tmp_path / "file" / "var"), lambda line: None)
    assert "FLUXTOWER_VAR" in caught.value.remedy


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write in read-only folders; the mounted one is tried instead")
def test_folder_without_write_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(SetupError, match="cannot write in"):
        install(Settings(var=tmp_path / "var"), lambda line: None)


@pytest.mark.parametrize(("options", "message"), [("ro", "cannot write in"), ("size=20m", "MB free")])
def test_mounted_var(reachable_var: Path, options: str, message: str) -> None:
    reachable_var.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(reachable_var)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this user may not mount a file system")
    try:
        with pytest.raises(SetupError, match=message) as caught:
            install(Settings(var=reachable_var), lambda line: None)
        assert "FLUXTOWER_VAR" in caught.value.remedy
    finally:
        subprocess.run(["umount", str(reachable_var)], check=True)


def test_folder_of_another_user(reachable_var: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    (reachable_var / "native").mkdir(parents=True)
    os.chown(reachable_var / "native", 12345, 12345)
    with pytest.raises(SetupError, match="belong to user 12345"):
        find_installation(Settings(var=reachable_var))


@pytest.mark.integration
def test_second_install_is_quick(shared_native: Settings) -> None:
    begun = time.monotonic()
    install(shared_native, lambda line: pytest.fail(line))
    assert time.monotonic() - begun < SOON


@pytest.mark.parametrize("name", ["a:b", "100%", 'so "called"'])
def test_path_that_tools_would_misread(reachable_var: Path, name: str) -> None:
    with pytest.raises(SetupError, match="holds one of") as caught:
        install(Settings(var=reachable_var / name), lambda line: None)
    assert "FLUXTOWER_VAR" in caught.value.remedy
