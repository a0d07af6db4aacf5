"""What a station file says for files that leave the house."""

from __future__ import annotations

from datetime import date

import pytest

from core.errors import ConfigError
from core.station import Metadata, parse_station, parse_station_json, station_json
from tests.api.export_example import METADATA
from tests.api.tower import STATION


def test_days_may_be_toml_days_or_text() -> None:
    station = parse_station(STATION + METADATA, "file.toml")
    (one,) = station.metadata.instrument
    assert (one.installed, one.removed) == (date(2024, 5, 1), date(2026, 7, 9))
    assert parse_station_json(station_json(station)) == station


def test_what_is_missing_is_named() -> None:
    assert parse_station(STATION + METADATA, "file.toml").metadata.missing == []
    assert Metadata().missing == [
        f"metadata.{key}"
        for key in ("pi", "contact", "igbp", "licence", "doi", "ameriflux_id", "fluxnet_id", "instrument")
    ]
    poor = METADATA.replace('email = "li@example.org"\n', "").replace('serial = "0042"\n', "")
    missing = parse_station(STATION + poor, "file.toml").metadata.missing
    assert missing == ["metadata.pi.email", "metadata.instrument[0].serial"]


@pytest.mark.parametrize(
    ("good", "bad", "key"),
    [
        ('"EBF"', '"FOREST"', "metadata.igbp"),
        ('"US-Tst"', '"us-tst"', "metadata.ameriflux_id"),
        ('"10.1234/tower"', '"https://doi.org/10.1234/tower"', "metadata.doi"),
        ('"li@example.org"', '"li"', "metadata.pi.email"),
        ('"0000-0002-1825-0097"', '"1825"', "metadata.pi.orcid"),
        ('"2026-07-09"', '"2023-07-09"', "metadata.instrument[0].removed"),
        ("2024-05-01", '"last May"', "metadata.instrument[0].installed"),
    ],
)
def test_a_mistake_is_named(good: str, bad: str, key: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_station(STATION + METADATA.replace(good, bad, 1), "file.toml")
    assert raised.value.key.replace("[1]", "[0]") == key
