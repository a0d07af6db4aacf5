"""JSON in which a name has two values: readers keep one of them, each another one, so it is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import PayloadError
from ingest.payloads import MessageSource, decode
from ingest.payloads.checks import json_value
from tests.ingest.foreign import source, state_source

READING, BLOCK = MessageSource("a", "met", "reading"), MessageSource("a", "ec", "block")
T = '"t": "2026-06-01T00:01:00Z"'
B = '"v": 1, "t": "2026-06-01T00:00:00Z", "dt": 100000000, "n": 1, "c"'
STATE = state_source()


@pytest.mark.parametrize(
    ("format", "payload", "key"),
    [
        (READING, f'{{{T}, "v": {{"TA": 1, "TA": 2}}}}', "TA"),
        (READING, f'{{{T}, "t": "2026-06-01T00:02:00Z", "v": {{"TA": 1}}}}', "t"),
        (READING, f'[{{{T}, "v": {{"TA": 1}}}}, {{{T}, "v": {{"TA": 1}}, "v": {{"TA": 2}}}}]', "v"),
        (READING, f'{{{T}, "v": {{"TA": 1, "T\\u0041": 2}}}}', "TA"),
        (BLOCK, f'{{{B}: {{"u": [1], "w": [2], "u": [3]}}}}', "u"),
        (source("senml-json"), '[{"n": "temp", "u": "Cel", "v": 1, "v": 2}]', "v"),
        (source("geojson"), '{"type": "Feature", "properties": {}, "properties": {"a": 1}}', "properties"),
        (source("csijson"), '{"head": {}, "head": {"fields": []}, "data": []}', "head"),
        (source("mapped"), '{"a": {"b": 1, "c": "x:y", "b": 2}}', "b"),
        (STATE, '{"state": "online", "state": "offline"}', "state"),
    ],
)
def test_two_values_of_a_name_are_refused(format: MessageSource, payload: str, key: str) -> None:
    with pytest.raises(PayloadError) as refused:
        decode(format, payload.encode(), 0)
    assert f"{key!r} has two values: give each name once" in refused.value.reason


keys = st.sampled_from(["a", "b", ":", "a:b", 'q"', "\n", "\u003a\u00e4", "", "\\u003a", "\U0001f300"])
# an object is a tuple of pairs, so that it can have a name twice
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**70) | st.floats(-9, 9) | keys,
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(keys, inner), max_size=4).map(tuple),
    max_leaves=12,
)


def written(value: Any, style: int) -> str:
    """Write a value as JSON; the style says how text is escaped and where blanks stand."""
    if isinstance(value, tuple):
        gap = (" ", "", "\n\t", "")[style]
        pairs = (f"{written(key, style)}{gap}:{gap}{written(inner, style)}" for key, inner in value)
        return "{" + f"{gap},{gap}".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(written(one, style) for one in value) + "]"
    if isinstance(value, str) and style == 3:
        codes = [ord(one) for one in value]
        return '"' + "".join(f"\\u{code:04X}" if code < 0x10000 else chr(code) for code in codes) + '"'
    return json.dumps(value, ensure_ascii=style == 2)


def contradicts(value: Any) -> bool:
    """Tell whether a name has two values somewhere; a number is what is written, and of equal values one is enough."""
    if isinstance(value, list):
        return any(map(contradicts, value))
    if not isinstance(value, tuple):
        return False
    texts: dict[str, set[str]] = {}
    for key, inner in value:
        texts.setdefault(key, set()).add(written(plain(inner), 2))
    return any(len(some) > 1 for some in texts.values()) or any(contradicts(inner) for _, inner in value)


def plain(value: Any) -> Any:
    """Return a value of which each object has each name once, in order."""
    if isinstance(value, tuple):
        return tuple(sorted({key: plain(inner) for key, inner in value}.items()))
    return [plain(one) for one in value] if isinstance(value, list) else value


@given(values, st.integers(0, 3))
def test_two_values_of_a_name_are_found_however_they_are_written(value: Any, style: int) -> None:
    payload = written(value, style).encode()
    if contradicts(value):
        with pytest.raises(PayloadError, match="has two values"):
            json_value(payload)
    else:
        json_value(payload)


@pytest.mark.parametrize("depth", [100, 300, 900])
def test_two_values_of_a_name_are_found_at_any_depth(depth: int) -> None:
    deep = '{"a":' * depth + "1" + "}" * depth
    json_value(deep.encode())
    with pytest.raises(PayloadError, match="has two values"):
        json_value(deep.replace("1", '{"b":1,"b":2}').encode())


def test_what_is_nested_too_deeply_is_no_crash() -> None:
    with pytest.raises(PayloadError):
        json_value(b'{"a":' * 100_000 + b"1" + b"}" * 100_000)
