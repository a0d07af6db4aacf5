"""The private Mosquitto: its configuration and its command."""

from __future__ import annotations

from pathlib import Path
from string import Template

from core.settings import ROOT, Settings
from deploy.native.place import Place

SETTINGS = ROOT / "deploy" / "mosquitto" / "mosquitto.conf"


def initialise(place: Place) -> None:
    """Make the folder that keeps the broker's sessions and queued messages."""
    _data(place).mkdir(mode=0o700, exist_ok=True)
    place.own(_data(place))


def write_configuration(settings: Settings, place: Place) -> None:
    """Write the configuration with the port in use to where the servers' user can read it."""
    target = place.data / "etc"
    target.mkdir(mode=0o755, exist_ok=True)
    text = Template(SETTINGS.read_text()).substitute(port=settings.broker_port, data=_data(place))
    (target / "mosquitto.conf").write_text(text)
    (target / "mosquitto.conf").chmod(0o644)


def command(place: Place) -> list[str]:
    """Return the command that runs the broker in the foreground."""
    return [
        *place.drop("TERM"),
        str(place.prefix / "usr/sbin/mosquitto"),
        "-c",
        str(place.data / "etc" / "mosquitto.conf"),
    ]


def _data(place: Place) -> Path:
    return place.data / "broker"
