"""Files for other ways to run the platform agree with the native one."""

from __future__ import annotations

import re
from configparser import ConfigParser

import pytest

from core.settings import ROOT

DEPLOY = ROOT / "deploy"


def read_directives(name: str) -> dict[str, str]:
    lines = (DEPLOY / "mosquitto" / name).read_text().splitlines()
    return dict(line.split(None, 1) for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize(
    "key", ["max_inflight_messages", "max_queued_messages", "max_queued_bytes", "persistent_client_expiration"]
)
def test_both_broker_files_have_the_limits_that_lose_nothing(key: str) -> None:
    assert read_directives("mosquitto.conf")[key] == read_directives("compose.conf")[key]


def test_private_broker_listens_on_loopback_only() -> None:
    assert read_directives("mosquitto.conf")["listener"].split()[1] == "127.0.0.1"


def test_compose_publishes_on_loopback_only() -> None:
    ports = re.findall(r"ports: \[\"(.+?)\"\]", (DEPLOY / "compose.yaml").read_text())
    assert len(ports) == 2
    assert all(port.startswith("127.0.0.1:") for port in ports)


def read_unit(name: str) -> ConfigParser:
    unit = ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / "systemd" / name)
    return unit


def test_unit_runs_the_group_as_an_ordinary_user() -> None:
    unit = read_unit("fluxtower.service")
    assert unit["Service"]["ExecStart"].endswith("fluxtower up")
    assert unit["Service"]["User"] != "root"


def test_unit_runs_the_agent_as_a_user_of_its_own() -> None:
    service = read_unit("fluxtower-agent.service")["Service"]
    assert service["ExecStart"].endswith("fluxtower agent --config /etc/fluxtower/agent.toml")
    assert service["User"] == "fluxtower-agent"
    for key, folder in (("StateDirectory", "/var/lib/"), ("RuntimeDirectory", "/run/")):
        assert f'"{folder}{service[key]}/' in (DEPLOY.parent / "docs" / "guide" / "agent.md").read_text()
