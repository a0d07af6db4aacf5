from __future__ import annotations

import json
import math
import pkgutil
import time
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

import cbor2
import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.clock import NS
from core.errors import PayloadError
from core.records import Reading, SampleBlock
from core.station import Channel, Stream
from ingest import payloads
from ingest.payloads import FORMATS, STATE, MessageFormat, MessageSource, block_json, encode_block, encode_reading
from ingest.payloads.checks import EARLIEST_NS, LATEST_NS, MAX_PAYLOAD, MAX_SAMPLES
from tests.ingest.foreign import source

BLOCK = MessageSource("cn-bsh", "ec", "block")
READING = MessageSource("cn-bsh", "met", "reading")
START = 1_782_864_000_000_000_000  # 2026-07-01T00:00:00Z
NOW = START + 60 * NS
NAMES = st.text(min_size=1, max_size=8)


def decode(source: MessageSource, payload: bytes) -> Sequence[SampleBlock | Reading]:
    return payloads.decode(source, payload, NOW)


def fields(**changes: Any) -> dict[str, Any]:
    """A good block of two channels and three samples, as a CBOR map, with changes."""
    good: dict[str, Any] = {"v": 1, "t": START, "dt": 50_000_000, "n": 3, "seq": 7}
    good["c"] = {"u": floats(1, 2, 3), "w": floats(0.5, math.nan, -0.5)}
    good.update(changes)
    return {key: value for key, value in good.items() if value is not ...}


def floats(*values: float) -> cbor2.CBORTag:
    return cbor2.CBORTag(85, np.array(values, "<f4").tobytes())


def json_block(**changes: Any) -> bytes:
    good: dict[str, Any] = {"v": 1, "t": "2026-07-01T00:00:00Z", "dt": 50_000_000, "n": 3, "seq": 7}
    good["c"] = {"u": [1, 2.0, 3], "w": [0.5, None, -0.5]}
    good.update(changes)
    return json.dumps({key: value for key, value in good.items() if value is not ...}).encode()


def same(a: SampleBlock | Reading, b: SampleBlock | Reading) -> bool:
    """Equality that takes NaN for equal to NaN."""
    if isinstance(a, SampleBlock) and isinstance(b, SampleBlock):
        if (a.station, a.stream, a.channels) != (b.station, b.stream, b.channels):
            return False
        head = (a.start_ns, a.dt_ns, a.seq, a.run) == (b.start_ns, b.dt_ns, b.seq, b.run)
        return head and a.samples.dtype == b.samples.dtype and np.array_equal(a.samples, b.samples, equal_nan=True)
    if isinstance(a, Reading) and isinstance(b, Reading):
        head = (a.station, a.stream, a.time_ns, list(a.values)) == (b.station, b.stream, b.time_ns, list(b.values))
        head = head and (a.seq, a.run) == (b.seq, b.run)
        return head and np.array_equal(list(a.values.values()), list(b.values.values()), equal_nan=True)
    return False


@st.composite
def blocks(draw: st.DrawFn) -> SampleBlock:
    names = draw(st.lists(NAMES, min_size=1, max_size=32, unique=True))
    n = draw(st.integers(1, 50))
    dt = draw(st.integers(1, 1_000_000_000))
    values = st.floats(width=32, allow_infinity=False)
    samples = draw(hnp.arrays(np.float32, (len(names), n), elements=values, fill=st.just(np.float32("nan"))))
    start = draw(st.integers(EARLIEST_NS, LATEST_NS - 1))
    numbers = st.integers(0, 2**63 - 2)
    return SampleBlock("cn-bsh", "ec", start, dt, tuple(names), samples, draw(st.none() | numbers), draw(numbers))


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    values = st.floats(width=32, allow_infinity=False)
    given = draw(st.dictionaries(NAMES, values, min_size=1, max_size=32))
    numbers = st.integers(0, 2**63 - 2)
    time = draw(st.integers(EARLIEST_NS, LATEST_NS - 1))
    return Reading("cn-bsh", "met", time, given, draw(st.none() | numbers), draw(numbers))


def test_a_block_written_by_hand_from_the_rfcs() -> None:
    # RFC 8949: a5 = map of 5; 61 = text of 1; 1b = 64-bit integer; 1a = 32-bit integer. RFC 8746: d855 = tag 85
    payload = bytes.fromhex(
        "a5" "6176" "01" "6174" "1b18be000000000000" "626474" "1a02faf080" "616e" "02" "6163"
        "a1" "6175" "d855" "48" "0000803f" "000020c0"
    )  # fmt: skip
    (block,) = decode(BLOCK, payload)
    assert isinstance(block, SampleBlock)
    assert (block.start_ns, block.dt_ns, block.channels, block.seq) == (0x18BE000000000000, 50_000_000, ("u",), None)
    assert block.samples.tolist() == [[1.0, -2.5]]
    assert block.samples.dtype == np.float32


@pytest.mark.parametrize("t", ["2026-07-01T00:00:00Z", "2026-07-01T08:00:00+08:00", "2026-07-01t00:00:00.000z", START])
def test_the_json_twin_says_the_same(t: object) -> None:
    assert same(decode(BLOCK, json_block(t=t))[0], decode(BLOCK, cbor2.dumps(fields()))[0])
    assert same(decode(BLOCK, b" \n" + json_block(t=t) + b"\n")[0], decode(BLOCK, cbor2.dumps(fields()))[0])


EC = source("ec")
HALVES = fields(
    n=3,
    c={
        "u": cbor2.CBORTag(77, np.array([123, -4, -32768], "<i2").tobytes()),
        "w": floats(0.5, math.nan, -0.5),
        "ts": cbor2.CBORTag(77, np.array([0, -32767, 32767], "<i2").tobytes()),
    },
)


def test_int16_samples_count_steps_of_the_declared_resolution() -> None:
    (block,) = decode(EC, cbor2.dumps(HALVES))
    assert isinstance(block, SampleBlock)
    assert block.channels == ("u", "w", "ts")
    expected = [[1.23, -0.04, math.nan], [0.5, math.nan, -0.5], [20.0, 20 - 32767 * 0.005, 20 + 32767 * 0.005]]
    np.testing.assert_array_equal(block.samples, np.array(expected, np.float32))


def test_a_block_of_whole_steps_is_half_as_long_and_the_same() -> None:
    steps = {"u": (0.01, 0.0), "ts": (0.005, 20.0)}
    u = (np.arange(-100, 100) * 0.01).astype(np.float32)
    u[7] = np.nan
    ts = (20 + np.arange(200) * 0.005).astype(np.float32)
    block = SampleBlock("cn-foreign", "ec", START, 50_000_000, ("u", "ts"), np.stack([u, ts]), 1, 2)
    short = encode_block(block, steps=steps)
    assert len(short) < 0.55 * len(encode_block(block))
    (again,) = decode(EC, short)
    assert same(again, block)
    assert isinstance(again, SampleBlock)
    np.testing.assert_array_equal(again.samples[:, 8:].view(np.int32), block.samples[:, 8:].view(np.int32))


@pytest.mark.parametrize("value", [0.0123, -0.0, 327.68, 1e30, 5e-324])
def test_a_sample_that_is_no_step_goes_as_float32(value: float) -> None:
    block = SampleBlock("cn-foreign", "ec", START, 1, ("u",), np.array([[0.01, value]], np.float32))
    (again,) = decode(EC, encode_block(block, steps={"u": (0.01, 0.0)}))
    assert isinstance(again, SampleBlock)
    assert again.samples.tobytes() == block.samples.tobytes()


@given(blocks(), st.floats(1e-6, 1e3), st.floats(-1e3, 1e3), st.booleans())
def test_steps_never_change_a_sample(block: SampleBlock, resolution: float, offset: float, whole: bool) -> None:
    names = block.channels
    if whole:
        counts = block.samples.view(np.int32) % 40_000 - 20_000
        block = replace(block, samples=(offset + counts * resolution).astype(np.float32))
    channels = tuple(
        Channel(name=name, variable="DIAG_IRGA", unit="1", resolution=resolution, offset=offset) for name in names
    )
    stream = Stream(name="ec", kind="block", rate=20, channels=channels)
    sent = encode_block(block, steps=dict.fromkeys(names, (resolution, offset)))
    assert same(decode(MessageSource("cn-bsh", "ec", "block", stream), sent)[0], block)


def test_fractions_of_a_second_are_exact() -> None:
    (block,) = decode(BLOCK, json_block(t="2026-07-01T00:00:00.123456789Z"))
    assert isinstance(block, SampleBlock)
    assert block.start_ns == START + 123_456_789


def test_readings_one_or_a_list() -> None:
    one = b'{"t": "2026-07-01T00:00:00Z", "v": {"TA_1_1_1": 21.3, "RH": null}}'
    (reading,) = decode(READING, one)
    assert isinstance(reading, Reading)
    assert (reading.station, reading.stream, reading.time_ns) == ("cn-bsh", "met", START)
    assert reading.values["TA_1_1_1"] == 21.3
    assert math.isnan(reading.values["RH"])
    assert len(decode(READING, b"[" + one + b"," + one + b"]")) == 2


@given(blocks(), st.booleans())
def test_what_is_encoded_decodes_to_the_same(block: SampleBlock, compress: bool) -> None:
    assert same(decode(BLOCK, encode_block(block, compress=compress))[0], block)


@given(blocks())
def test_the_json_twin_keeps_float32_bit_for_bit(block: SampleBlock) -> None:
    assert same(decode(BLOCK, block_json.encode_block(block))[0], block)


@given(readings())
def test_readings_survive(reading: Reading) -> None:
    assert same(decode(READING, encode_reading(reading))[0], reading)
    assert len(decode(READING, encode_reading([reading, reading]))) == 2


BAD_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"v": 2}, "v: expected 1 to 1"),
    ({"v": ...}, "'v' is missing"),
    ({"v": True}, "v: expected a whole number"),
    ({"t": 0}, "1990 to 2100"),
    ({"t": EARLIEST_NS - 1}, "1990 to 2100"),
    ({"t": LATEST_NS}, "1990 to 2100"),
    ({"t": -(2**63)}, "1990 to 2100"),
    ({"t": 1.5}, "t: expected a whole number"),
    ({"t": "2026-07-01T00:00:00"}, "RFC 3339 with zone"),
    ({"t": "2026-13-01T00:00:00Z"}, "no such time"),
    ({"t": "0001-01-01T00:00:00+14:00"}, "1990 to 2100"),
    ({"t": "1900-01-01T00:00:00Z"}, "1990 to 2100"),
    ({"t": "2200-01-01T00:00:00Z"}, "1990 to 2100"),
    ({"dt": 0}, "dt: expected"),
    ({"dt": -50_000_000}, "dt: expected"),
    ({"dt": 2**63}, "dt: expected"),
    ({"dt": "50"}, "dt: expected a whole number"),
    ({"n": 0}, "n: expected"),
    ({"n": 10**9}, "n: expected"),
    ({"n": 4}, "expected n = 4 samples, got 3"),
    ({"dt": 3_600_000_000_000}, "send shorter blocks"),
    ({"seq": -1}, "seq: expected"),
    ({"seq": 2**63 - 1}, "seq: expected"),
    ({"run": -1}, "run: expected"),
    ({"run": 2**63 - 1}, "run: expected"),
    ({"run": "today"}, "run: expected a whole number"),
    ({"c": ...}, "'c' is missing"),
    ({"c": {}}, "1 to 32 channels"),
    ({"c": []}, "a map of channels"),
]


@pytest.mark.parametrize(("changes", "part"), BAD_FIELDS)
def test_bad_fields_are_refused_with_a_reason(changes: dict[str, Any], part: str) -> None:
    for payload in (cbor2.dumps(fields(**changes)), json_block(**changes)):
        with pytest.raises(PayloadError) as caught:
            decode(BLOCK, payload)
        assert part in caught.value.reason
        assert caught.value.station == "cn-bsh"
        assert caught.value.topic == "cn-bsh/ec/block"


@pytest.mark.parametrize(
    ("channels", "part"),
    [
        ({"u": [1.0, 2.0, 3.0]}, "expected a typed array"),
        ({"u": b"\0" * 12}, "expected a typed array"),
        ({"u": cbor2.CBORTag(77, b"\0" * 6)}, "declares no `resolution`"),
        ({"u": cbor2.CBORTag(77, b"\0" * 5)}, "expected n = 3 samples, got 2.5"),
        ({"u": cbor2.CBORTag(84, b"\0" * 6)}, "expected a typed array"),
        ({"u": cbor2.CBORTag(85, "abc")}, "expected a typed array"),
        ({"u": cbor2.CBORTag(85, b"\0" * 11)}, "expected n = 3 samples, got 2.75"),
        ({"u": floats(1, math.inf, 3)}, "infinite"),
        ({"u": floats(1, -math.inf, 3)}, "infinite"),
        ({b"u": floats(1, 2, 3)}, "expected names"),
        ({"": floats(1, 2, 3)}, "expected names"),
        ({"x" * 65: floats(1, 2, 3)}, "expected names"),
        ({f"c{i}": floats(1, 2, 3) for i in range(33)}, "1 to 32 channels, got 33"),
    ],
)
def test_bad_cbor_channels_are_refused(channels: dict[Any, Any], part: str) -> None:
    with pytest.raises(PayloadError) as caught:
        decode(BLOCK, cbor2.dumps(fields(c=channels)))
    assert part in caught.value.reason


@pytest.mark.parametrize("value", ["1", True, [1], {}, 1e39, -1e300])
def test_json_values_that_are_no_numbers_are_refused(value: object) -> None:
    with pytest.raises(PayloadError):
        decode(BLOCK, json_block(c={"u": [1, value, 3]}))
    with pytest.raises(PayloadError):
        decode(READING, json.dumps({"t": "2026-07-01T00:00:00Z", "v": {"TA": value}}).encode())


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"1",
        b"null",
        b'"x"',
        b"{}",
        b"[[]]",
        b'{"t": "2026-07-01T00:00:00Z"}',
        b'{"t": "2026-07-01T00:00:00Z", "v": {}}',
        b'{"t": 1, "v": {"TA": 1}}',
        b'{"t": "2026-07-01T00:00:00Z", "v": {"TA": Infinity}}',
        b'{"t": "2026-07-01T00:00:00Z", "v": {"TA": NaN}}',
        b'{"t": "2026-07-01T00:00:00Z", "v": {"\\ud800": 1}}',
        b"[" * 100_000,
        b'{"v":' * 100_000,
    ],
)
def test_bad_readings_are_refused(payload: bytes) -> None:
    with pytest.raises(PayloadError):
        decode(READING, payload)
    with pytest.raises(PayloadError):
        decode(BLOCK, payload)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"\x9b" + (2**60).to_bytes(8, "big"), id="array of 2^60"),
        pytest.param(b"\xbb" + (2**60).to_bytes(8, "big"), id="map of 2^60"),
        pytest.param(b"\x5b" + (2**40).to_bytes(8, "big"), id="bytes of 2^40"),
        pytest.param(b"\x81" * MAX_PAYLOAD, id="nested arrays"),
        pytest.param(b"\xd8\x55" * 100_000, id="nested tags"),
        pytest.param(b"\xbf" + b"\x61u\x01" * 1000, id="indefinite map"),
        pytest.param(b"\xa2\x61v\x01\x61v\x01", id="a key twice"),
        pytest.param(cbor2.dumps(cbor2.CBORTag(35, "(" * 1000)), id="regular expression"),
        pytest.param(cbor2.dumps(cbor2.CBORTag(5, [2**40, 3])), id="bigfloat"),
        pytest.param(cbor2.dumps(2**100_000), id="bignum"),
        pytest.param(b"\xd8\x1c\x81\xd8\x1d\x00", id="an array that holds itself"),
        pytest.param(bytes(MAX_PAYLOAD + 1), id="too many bytes"),
    ],
)
def test_hostile_cbor_is_refused_at_once_and_without_memory(payload: bytes) -> None:
    _refused_cheaply(payload)


def test_zstd_bombs_are_refused() -> None:
    bomb = zstandard.ZstdCompressor(level=19).compress(bytes(1 << 30))
    assert len(bomb) < MAX_PAYLOAD
    _refused_cheaply(bomb)
    no_size = zstandard.ZstdCompressor(level=3, write_content_size=False).compress(bytes(1 << 28))
    _refused_cheaply(no_size)


def test_damaged_zstd_frames_are_refused() -> None:
    good = zstandard.ZstdCompressor(write_checksum=True).compress(cbor2.dumps(fields()))
    assert decode(BLOCK, good)
    for cut in range(4, len(good)):
        with pytest.raises(PayloadError):
            decode(BLOCK, good[:cut])


def _refused_cheaply(payload: bytes) -> None:
    tracemalloc.start()
    began = time.process_time()
    try:
        with pytest.raises(PayloadError) as caught:
            decode(BLOCK, payload)
        assert time.process_time() - began < 1.0
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()
    assert len(caught.value.reason) < 300
    assert caught.value.reason.isprintable()


def _record_or_refusal(source: MessageSource, payload: bytes) -> None:
    try:
        records = decode(source, payload)
    except PayloadError as error:
        refusal = error.reason
    else:
        refusal = ""
        assert records
        _check_limits(source, records)
    assert refusal.isprintable()


def _check_limits(source: MessageSource, records: Sequence[SampleBlock | Reading]) -> None:
    for record in records:
        assert (record.station, record.stream) == (source.station, source.stream)
        if isinstance(record, SampleBlock):
            channels, n = record.samples.shape
            assert channels == len(record.channels)
            assert 1 <= n <= MAX_SAMPLES
            assert record.dt_ns > 0
            assert EARLIEST_NS <= record.start_ns < LATEST_NS
            assert not np.isinf(record.samples).any()
        else:
            assert EARLIEST_NS <= record.time_ns < LATEST_NS
            assert not any(math.isinf(value) for value in record.values.values())


SEEDS = [
    cbor2.dumps(fields()),
    zstandard.compress(cbor2.dumps(fields())),
    json_block(),
    b'{"t": "2026-07-01T00:00:00Z", "v": {"TA_1_1_1": 21.3, "RH": null}}',
    b'[{"t": 1782864000000000000, "v": {"TA": 1e3}}, {"t": "2026-07-01T00:00:00+08:00", "v": {"TA": -1}}]',
]
KEYS = ["v", "t", "dt", "n", "seq", "c", "u"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=12,
)


@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes(payload: bytes) -> None:
    _record_or_refusal(BLOCK, payload)
    _record_or_refusal(BLOCK, b"\x28\xb5\x2f\xfd" + payload)
    _record_or_refusal(READING, payload)


@settings(max_examples=3000, deadline=None)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=0, max_size=3), st.integers(0, 3)), max_size=4),
    st.integers(0, 400),
)
def test_mutated_and_truncated_messages(seed: bytes, edits: list[tuple[int, bytes, int]], length: int) -> None:
    payload = bytearray(seed)
    for at, new, cut in edits:
        at %= len(payload) + 1
        payload[at : at + cut] = new
    for mutant in (bytes(payload), bytes(payload[:length])):
        _record_or_refusal(BLOCK, mutant)
        _record_or_refusal(READING, mutant)


@settings(max_examples=1000, deadline=None)
@given(JSON)
def test_well_formed_nonsense(value: object) -> None:
    _record_or_refusal(BLOCK, cbor2.dumps(value))
    _record_or_refusal(BLOCK, json.dumps(value).encode())
    _record_or_refusal(READING, json.dumps(value).encode())


def test_a_station_file_may_name_every_format() -> None:
    """Whatever has a row beside its decoder; the state of a logger has a key of its own."""
    modules = [import_module(f"{payloads.__name__}.{one.name}") for one in pkgutil.iter_modules(payloads.__path__)]
    rows = [value for module in modules for value in vars(module).values() if isinstance(value, MessageFormat)]
    assert len(rows) == 8
    assert all(any(row is known for known in FORMATS.own.values()) for row in rows)
    assert STATE not in FORMATS
