"""Where the broker is: its address read, and a paho client made for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from core.errors import ConfigError

KEEPALIVE = 30
"""Seconds of silence after which client and broker ask each other whether they live."""
PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class Address:
    """A broker's address.

    For TLS, ``ca_file`` has the authority behind the broker's certificate (default: those that the machine knows);
    ``certificate_file`` and ``key_file`` are the client's own.
    """

    host: str
    port: int
    tls: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None


def parse_address(url: str) -> Address:
    """Read ``mqtt://user:password@host:port``; ``mqtts://`` is TLS with the machine's certificates.

    Raises
    ------
    ConfigError
        It is no such address.
    """
    expected = "an address like mqtt://user:password@host:1883, or mqtts:// for TLS"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError("environment", "FLUXTOWER_BROKER", expected, str(error)) from None
    if parts.scheme not in PORTS or not host or parts.path not in ("", "/"):
        got = repr(url) if "@" not in url else "another address (not shown: it holds a password)"
        raise ConfigError("environment", "FLUXTOWER_BROKER", expected, got)
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    return Address(host, port or PORTS[parts.scheme], parts.scheme == "mqtts", user, password)


def make_client(address: Address, client_id: str, *, manual_ack: bool = False) -> Client:
    """Return an MQTT 5 client that reconnects by itself; it is not connected yet."""
    client = Client(
        CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5, manual_ack=manual_ack
    )
    client.reconnect_delay_set(min_delay=1, max_delay=15)
    if address.user is not None:
        client.username_pw_set(address.user, address.password)
    if address.tls:
        client.tls_set(address.ca_file, address.certificate_file, address.key_file)
    return client


def connect_properties(**values: int) -> Properties:
    """Return MQTT 5 CONNECT properties, e.g. ``SessionExpiryInterval=60``."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(properties, name, value)
    return properties
