from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import PayloadError
from ingest.mqtt.topics import Topic, block_topic, format_topic, parse, reading_topic

ROOT = "flux/v1"


def test_known_shapes() -> None:
    assert parse("flux/v1/cn-bsh/ec/block", ROOT) == Topic("cn-bsh", "ec", "block")
    assert parse("flux/v1/cn-bsh/met/reading", ROOT) == Topic("cn-bsh", "met", "reading")
    assert block_topic("cn-bsh", "ec", ROOT) == "flux/v1/cn-bsh/ec/block"
    assert reading_topic("cn-bsh", "met", ROOT) == "flux/v1/cn-bsh/met/reading"


@pytest.mark.parametrize(
    ("topic", "part"),
    [
        ("other/v1/a/ec/block", "unknown topic"),
        ("flux/v1/a/block", "unknown topic"),
        ("flux/v1/a/ec/x/block", "unknown topic"),
        ("flux/v1", "unknown topic"),
        ("", "unknown topic"),
        ("flux/v1/a/ec/blok", "must be block or reading"),
        ("flux/v1/A/ec/block", "'A' is no name"),
        ("flux/v1/a/ec\n/block", "is no name"),
        ("flux/v1//ec/block", "'' is no name"),
        ("flux/v1/" + "a" * 64 + "/ec/block", "is no name"),
        ("flux/v1/台站/ec/block", "is no name"),
    ],
)
def test_unknown_shapes_say_why(topic: str, part: str) -> None:
    with pytest.raises(PayloadError) as caught:
        parse(topic, ROOT)
    assert part in caught.value.reason
    assert caught.value.reason.isascii()
    assert caught.value.topic == topic


@given(st.text(max_size=80))
def test_any_text_is_a_topic_or_refused(text: str) -> None:
    for topic in (text, f"{ROOT}/{text}", f"{ROOT}/a/{text}/block"):
        with contextlib.suppress(PayloadError):
            assert format_topic(parse(topic, ROOT), ROOT) == topic
