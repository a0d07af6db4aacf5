"""What the format's page shows is what the decoders take."""

from __future__ import annotations

import re
from typing import Any

import pytest

from core.settings import ROOT
from core.station import MAX_CHANNELS
from ingest.payloads import checks, decode, reading_json
from ingest.topics import Kind, Topic

PAGE = (ROOT / "docs" / "formats" / "mqtt.md").read_text(encoding="utf-8")
JSON_EXAMPLES = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("example", JSON_EXAMPLES)
def test_json_examples(example: str) -> None:
    kind: Kind = "block" if '"c"' in example else "reading"
    assert decode(Topic("a", "b", kind), example.encode())


def test_the_python_example_makes_a_block() -> None:
    names: dict[str, Any] = {}
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(code, names)
    (block,) = decode(Topic("a", "b", "block"), names["payload"])
    assert block.channels == ("u", "w")  # type: ignore[union-attr]


def test_the_limits_are_those_of_the_code() -> None:
    assert len(JSON_EXAMPLES) == 3
    assert f"| message | {checks.MAX_PAYLOAD >> 20} MiB" in PAGE
    assert f"| content of a zstd frame | {checks.MAX_DECOMPRESSED >> 20} MiB" in PAGE
    assert f"| samples per channel and block | {checks.MAX_SAMPLES:,} |".replace(",", " ") in PAGE
    assert f"| channels | {MAX_CHANNELS}, names up to {checks.MAX_CHANNEL_NAME} characters" in PAGE
    assert f"| readings per message | {reading_json.MAX_READINGS:,} |".replace(",", " ") in PAGE
    assert f"| time covered by a block | {checks.MAX_BLOCK_NS // (3600 * 10**9)} h |" in PAGE
