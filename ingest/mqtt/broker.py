"""Where the broker is: its address read, and a paho client made for it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Literal, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY, Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from core.errors import ConfigError
from ingest.mqtt.wire import BulkClient

ClientT = TypeVar("ClientT", bound=Client)

KEEPALIVE_SECONDS = 30
"""Seconds of silence after which client and broker ask each other whether they live."""
DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}
FILE_OPTIONS = ("ca_file", "certificate_file", "key_file")
VERSIONS = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}


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
    version: str = "5"


def parse_address(url: str) -> Address:
    """Read ``mqtt://user:password@host:port``; ``mqtts://`` is TLS.

    After a ``?`` come ``ca_file``, ``certificate_file`` and ``key_file`` (see ``Address``) and ``version`` (5 or
    3.1.1) as ``name=value``, joined by ``&``.

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
    if parts.scheme not in DEFAULT_PORTS or not host or parts.path not in ("", "/"):
        got = repr(url) if "@" not in url else "another address (not shown: it holds a password)"
        raise ConfigError("environment", "FLUXTOWER_BROKER", expected, got)
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    return Address(
        host,
        port or DEFAULT_PORTS[parts.scheme],
        parts.scheme == "mqtts",
        user,
        password,
        **_options(parts.query, parts.scheme),
    )


def _options(query: str, scheme: str) -> dict[str, str]:
    key = "FLUXTOWER_BROKER"
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name, value in options.items():
        if name in FILE_OPTIONS:
            if scheme != "mqtts":
                raise ConfigError("environment", key, f"mqtts:// beside {name}", f"{scheme}://")
            if not os.access(value, os.R_OK):
                raise ConfigError("environment", key, f"a readable file as {name}", repr(value))
        elif name != "version":
            raise ConfigError("environment", key, f"{', '.join(FILE_OPTIONS)} or version after the ?", repr(name))
        elif value not in VERSIONS:
            raise ConfigError("environment", key, "version=5 or version=3.1.1", repr(value))
    if ("certificate_file" in options) != ("key_file" in options):
        raise ConfigError("environment", key, "certificate_file and key_file together", "one of them")
    return options


def make_client(address: Address, client_id: str) -> Client:
    """Return a client that reconnects by itself; it is not connected yet, ``connect`` does that.

    Without a ``client_id`` the broker chooses one and forgets the session with the connection.
    """
    return _new_client(Client, address, client_id, manual_ack=False)


def make_bulk_client(address: Address, client_id: str) -> BulkClient:
    """Return the same, for many messages, which are acknowledged by hand."""
    return _new_client(BulkClient, address, client_id, manual_ack=True)


def _new_client(kind: type[ClientT], address: Address, client_id: str, *, manual_ack: bool) -> ClientT:
    client = kind(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=VERSIONS[address.version],
        clean_session=None if address.version == "5" else not client_id,
        manual_ack=manual_ack,
    )
    client.reconnect_delay_set(min_delay=1, max_delay=15)
    if address.user is not None:
        client.username_pw_set(address.user, address.password)
    if address.tls:
        client.tls_set(address.ca_file, address.certificate_file, address.key_file)
    return client


def connect(
    client: Client, address: Address, *, clean_start: bool | Literal[3] = MQTT_CLEAN_START_FIRST_ONLY, **values: int
) -> None:
    """Connect in the background, and again whenever the connection breaks.

    ``values`` are MQTT 5 CONNECT properties, e.g. ``SessionExpiryInterval=60``; MQTT 3.1.1 has none of them.
    """
    if address.version == "5":
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        for name, value in values.items():
            setattr(properties, name, value)
        client.connect_async(
            address.host, address.port, keepalive=KEEPALIVE_SECONDS, clean_start=clean_start, properties=properties
        )
    else:
        client.connect_async(address.host, address.port, keepalive=KEEPALIVE_SECONDS)
    client.loop_start()
