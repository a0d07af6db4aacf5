"""The private Mosquitto: its configuration and its command."""

from __future__ import annotations

from pathlib import Path
from string import Template

from core.settings import ROOT, Settings
from deploy.native.installation import Installation

CONFIGURATION = ROOT / "deploy" / "mosquitto" / "mosquitto.conf"


def initialise(installation: Installation) -> None:
    """Make the folder that keeps the broker's sessions and queued messages."""
    _data(installation).mkdir(mode=0o700, exist_ok=True)
    installation.give_to_user(_data(installation))


def write_configuration(settings: Settings, installation: Installation) -> None:
    """Write the configuration with the port in use to where the servers' user can read it."""
    target = installation.data / "etc"
    target.mkdir(mode=0o755, exist_ok=True)
    text = Template(CONFIGURATION.read_text()).substitute(port=settings.broker_port, data=_data(installation))
    (target / "mosquitto.conf").write_text(text)
    (target / "mosquitto.conf").chmod(0o644)


def command(installation: Installation) -> list[str]:
    """Return the command that runs the broker in the foreground."""
    return [
        *installation.run_as_user("TERM"),
        str(installation.prefix / "usr/sbin/mosquitto"),
        "-c",
        str(installation.data / "etc" / "mosquitto.conf"),
    ]


def _data(installation: Installation) -> Path:
    return installation.data / "broker"
