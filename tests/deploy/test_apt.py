"""Which mirror is read out of a machine's apt sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import SetupError
from core.settings import Settings
from deploy.native.apt import find_mirror, list_closure, open_apt
from deploy.native.shell import run_tool


def listing(*archives: str) -> str:
    return "".join(f"'{archive}/InRelease' name_InRelease 0 \n" for archive in archives)


DEBIAN_12 = listing(
    "http://mirror.example/debian/dists/bookworm",
    "http://mirror.example/debian/dists/bookworm-updates",
    "http://mirror.example/debian-security/dists/bookworm-security",
)


@pytest.mark.parametrize(
    ("text", "codename", "mirror"),
    [
        pytest.param(DEBIAN_12, "bookworm", "http://mirror.example/debian", id="debian 12"),
        pytest.param(
            listing("https://docker.example/linux/debian/dists/bookworm", "https://tools.example/dists/bookworm")
            + DEBIAN_12,
            "bookworm",
            "http://mirror.example/debian",
            id="third parties that use the release's name come first",
        ),
        pytest.param(
            listing("mirror+file:/etc/apt/mirrors/debian.list/dists/trixie"),
            "trixie",
            "mirror+file:/etc/apt/mirrors/debian.list",
            id="cloud image",
        ),
        pytest.param(
            listing("http://mirror.example/debian/dists/stable"),
            "bookworm",
            "http://mirror.example/debian",
            id="suite by alias",
        ),
        pytest.param(
            listing("http://proxy.example/repo-7/dists/bookworm", "http://proxy.example/repo-7/dists/bookworm-updates"),
            "bookworm",
            "http://proxy.example/repo-7",
            id="a proxy under another name",
        ),
        pytest.param(
            listing(
                "http://archive.example/ubuntu/dists/noble",
                "http://archive.example/ubuntu/dists/noble-updates",
                "https://browser.example/linux/deb/dists/stable",
            ),
            "noble",
            None,
            id="ubuntu",
        ),
        pytest.param("", "bookworm", None, id="no sources"),
    ],
)
def test_finds_the_debian_mirror(text: str, codename: str, mirror: str | None) -> None:
    assert find_mirror(text, codename) == mirror


def test_private_apt_leaves_the_machines_state_alone(tmp_path: Path) -> None:
    apt = open_apt(tmp_path, source="deb http://127.0.0.1:9/debian trixie main", status=None)
    configuration = [apt.arguments[0].replace("apt-get", "apt-config"), *apt.arguments[1:3]]
    shown = run_tool([*configuration, "dump"], what="dump", remedy="")
    settings = dict(line.rstrip(";").split(" ", 1) for line in shown.splitlines())
    for key in ("Dir::State", "Dir::State::status", "Dir::Cache", "Dir::Etc::sourcelist"):
        assert settings[key].strip('"').startswith(str(tmp_path))
    assert settings["Dir::Etc::sourceparts"] == '"/dev/null"'
    hooks = {value for key, value in settings.items() if key.startswith("APT::Update") and "Invoke" in key}
    assert hooks <= {'""'}


def test_unknown_package_is_a_setup_error(tmp_path: Path) -> None:
    apt = open_apt(tmp_path, source="deb http://127.0.0.1:9/debian trixie main", status=None)
    with pytest.raises(SetupError, match="no-such-package"):
        list_closure(apt, ["no-such-package"])


def test_settings_mirror_is_documented() -> None:
    assert Settings.model_fields["debian_mirror"].description
