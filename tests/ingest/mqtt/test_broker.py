from __future__ import annotations

import pytest

from core.errors import ConfigError
from ingest.mqtt.broker import Address, parse_address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://127.0.0.1:11883", Address("127.0.0.1", 11883)),
        ("mqtt://broker", Address("broker", 1883)),
        ("mqtts://broker/", Address("broker", 8883, tls=True)),
        ("mqtt://broker?version=3.1.1", Address("broker", 1883, version="3.1.1")),
        ("mqtts://broker/?ca_file=/dev/null", Address("broker", 8883, tls=True, ca_file="/dev/null")),
        ("mqtt://me:p%40ss@[::1]:1884", Address("::1", 1884, user="me", password="p@ss")),
    ],
)
def test_addresses(url: str, address: Address) -> None:
    assert parse_address(url) == address


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:1883", "http://x", "mqtt://", "mqtt://x:port", "mqtt://x/topic", "mqtt://x:99999"]
)
def test_what_is_no_address_names_the_setting(url: str) -> None:
    with pytest.raises(ConfigError, match="FLUXTOWER_BROKER: expected an address like mqtt://"):
        parse_address(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mqtt://x?version=4", "version=5 or version=3.1.1"),
        ("mqtt://x?ca_file=/dev/null", "mqtts:// beside ca_file"),
        ("mqtts://x?ca_file=/nowhere", "a readable file as ca_file"),
        ("mqtts://x?key_file=/dev/null", "certificate_file and key_file together"),
        ("mqtts://x?cafile=/dev/null", "ca_file, certificate_file, key_file or version"),
    ],
)
def test_wrong_options_say_what_is_expected(url: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=f"FLUXTOWER_BROKER: expected {expected}"):
        parse_address(url)


def test_a_password_is_never_shown() -> None:
    assert "secret" not in repr(parse_address("mqtt://me:secret@x"))
    with pytest.raises(ConfigError) as caught:
        parse_address("http://me:secret@x")
    assert "secret" not in str(caught.value)
