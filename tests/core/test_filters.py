from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from core.station.filters import fault, overlap

LEVELS = st.lists(st.sampled_from(["a", "b", "", "+"]), min_size=1, max_size=4).map("/".join)
FILTERS = LEVELS | LEVELS.map(lambda topic: topic + "/#") | st.just("#")
TOPICS = [
    "/".join(levels) for depth in range(1, 6) for levels in itertools.product(["a", "b", ""], repeat=depth)
]  # every topic of at most five levels


@settings(max_examples=300, deadline=None)
@given(FILTERS, FILTERS)
def test_two_filters_overlap_where_a_topic_matches_both(one: str, other: str) -> None:
    both = any(topic_matches_sub(one, topic) and topic_matches_sub(other, topic) for topic in TOPICS)
    assert overlap(one, other) == overlap(other, one) == both


@pytest.mark.parametrize("topic", ["cs/v2/data/x/Fast", "+", "#", "a/+/b", "a/#", "/", "台/站"])
def test_good_filters(topic: str) -> None:
    assert fault(topic) == ""


@pytest.mark.parametrize("topic", ["", "a" * 65_536, "$SYS/#", "a\0b", "a/b+", "a/#b", "#/a", "a/#/b"])
def test_bad_filters(topic: str) -> None:
    assert fault(topic)
