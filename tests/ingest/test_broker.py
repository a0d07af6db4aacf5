from __future__ import annotations

import pytest

from core.errors import ConfigError
from ingest.broker import Address, parse_address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://127.0.0.1:11883", Address("127.0.0.1", 11883)),
        ("mqtt://broker", Address("broker", 1883)),
        ("mqtts://broker/", Address("broker", 8883, tls=True)),
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


def test_a_password_is_never_shown() -> None:
    assert "secret" not in repr(parse_address("mqtt://me:secret@x"))
    with pytest.raises(ConfigError) as caught:
        parse_address("http://me:secret@x")
    assert "secret" not in str(caught.value)
