"""What the format's page shows is what the decoders take."""

from __future__ import annotations

import re
from typing import Any

import pytest

from core.records import Reading
from core.settings import ROOT
from core.station import MAX_CHANNELS, parse_station
from ingest.payloads import MessageSource, checks, decode, senml
from tests.ingest.foreign import HEAD, source, state_source

PAGE = (ROOT / "docs" / "formats" / "mqtt.md").read_text(encoding="utf-8")
JSON_EXAMPLES = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
SOURCES = {  # by the first of these that is in an example
    '"c"': MessageSource("a", "b", "block"),
    '"bn"': source("senml-json"),
    '"Feature"': source("geojson"),
    '"head"': source("csijson"),
    '"decoded_payload"': source("mapped"),
    '"state"': state_source(),
    '"v"': MessageSource("a", "b", "reading"),
}


@pytest.mark.parametrize("example", JSON_EXAMPLES)
def test_json_examples(example: str) -> None:
    meant = next(what for mark, what in SOURCES.items() if mark in example)
    assert decode(meant, example.encode(), 0)


def test_the_csv_example() -> None:
    (example,) = re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL)
    (reading,) = decode(source("toa5"), example.encode(), 0)
    assert isinstance(reading, Reading)
    assert reading.values["TA"] == 21.77


def test_the_toml_example_is_a_stream() -> None:
    example, mapped = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert parse_station(HEAD + example, "page.toml").streams["met"].format == "campbell-csijson"
    assert parse_station(HEAD + mapped, "page.toml").streams["soil"].format == "mapped-json"


def test_the_python_example_makes_a_block() -> None:
    names: dict[str, Any] = {}
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(code, names)
    (block,) = decode(MessageSource("a", "b", "block"), names["payload"], 0)
    assert block.channels == ("u", "w")  # type: ignore[union-attr]


def test_the_limits_are_those_of_the_code() -> None:
    assert len(JSON_EXAMPLES) == 8
    assert f"| message | {checks.MAX_PAYLOAD >> 20} MiB" in PAGE
    assert f"| content of a zstd frame | {checks.MAX_DECOMPRESSED >> 20} MiB" in PAGE
    assert f"| samples per channel and block | {checks.MAX_SAMPLES:,} |".replace(",", " ") in PAGE
    assert f"| channels | {MAX_CHANNELS}, names up to {checks.MAX_CHANNEL_NAME} characters" in PAGE
    assert f"rows or SenML records per message | {checks.MAX_RECORDS:,} |".replace(",", " ") in PAGE
    assert f"| a SenML pack in CBOR | {senml.MAX_CBOR_PACK >> 10} KiB" in PAGE
    assert f"| time covered by a block | {checks.MAX_BLOCK_NS // (3600 * 10**9)} h |" in PAGE
