"""SenML: the examples of RFC 8428, and what its section 4 says about base fields, times and sums."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import cbor2
import pytest

from core.clock import NS
from core.errors import PayloadError
from core.records import LoggerState, Reading, SampleBlock
from ingest.payloads import decode
from tests.ingest.foreign import source

NOW = 1_782_864_000 * NS  # 2026-07-01T00:00:00Z
NAME = "urn:dev:ow:10e2073a01080063"
RFC_CBOR = bytes.fromhex(  # RFC 8428, section 6
    "87a721781b75726e3a6465763a6f773a3130653230373361303130383030363a22fb41d303a15b0010622361412005"
    "0067766f6c7461676501615602fb405e066666666666a3006763757272656e74062402fb3ff3333333333333a30067"
    "63757272656e74062302fb3ff4cccccccccccda3006763757272656e74062202fb3ff6666666666666a3006763757272"
    "656e74062102f93e00a3006763757272656e74062002fb3ff999999999999aa3006763757272656e74060002fb3ffb333333333333"
)


def pack(*records: dict[str, Any]) -> list[Reading]:
    return readings(decode(source("senml-json"), json.dumps(records).encode(), NOW))


def readings(records: Sequence[Reading | SampleBlock | LoggerState]) -> list[Reading]:
    assert all(isinstance(record, Reading) for record in records)
    return [record for record in records if isinstance(record, Reading)]


def test_a_single_value_now() -> None:  # section 5.1.1
    (reading,) = pack({"n": NAME, "u": "Cel", "v": 23.1})
    assert (reading.station, reading.stream, reading.time_ns) == ("cn-foreign", "senml-json", NOW)
    assert reading.values == {"TA": 23.1}


def test_base_fields_carry_over_in_cbor() -> None:  # section 6; the same pack in JSON is in section 5.1.2
    found = readings(decode(source("senml-cbor"), RFC_CBOR, NOW))
    base = 1_276_020_076_001_000_000  # 1.276020076001e+09 s
    assert [reading.time_ns - base for reading in found] == [0, *(-t * NS for t in (5, 4, 3, 2, 1))]
    assert found[0].values == {"voltage": 120.1, "current": 1.7}
    assert [reading.values["current"] for reading in found[1:]] == [1.2, 1.3, 1.4, 1.5, 1.6]


def test_base_fields_carry_over_and_may_change() -> None:
    found = pack(
        {"bn": NAME, "bt": 1.7e9, "bu": "Cel", "bv": 20, "v": 1.5},
        {"t": 60, "v": 1.75},
        {"n": ":rh", "u": "%RH", "bv": 0, "v": 88},
        {"bt": 1.8e9, "v": 3},
    )
    assert [(reading.time_ns // NS, dict(reading.values)) for reading in found] == [
        (1_700_000_000, {"TA": 21.5, "RH": 88.0}),
        (1_700_000_060, {"TA": 21.75}),
        (1_800_000_000, {"TA": 3.0}),
    ]


@pytest.mark.parametrize("t", [0, -60, 30, 2**28 - 1, -1e9])
def test_times_below_2_to_the_28_are_relative_to_now(t: float) -> None:
    (reading,) = pack({"n": NAME, "v": 1, "t": t})
    assert reading.time_ns == NOW + round(t) * NS


def test_times_from_2_to_the_28_are_absolute() -> None:
    (reading,) = pack({"n": NAME, "v": 1, "t": 1_751_328_000.25})
    assert reading.time_ns == 1_751_328_000_250_000_000
    with pytest.raises(PayloadError, match="from 1990 to 2100"):  # 2^28 is in 1978
        pack({"n": NAME, "v": 1, "t": 2**28})


def test_a_base_value_alone_is_a_value() -> None:
    assert pack({"bn": NAME, "bv": 12.5})[0].values == {"TA": 12.5}


def test_booleans_are_numbers_of_channels_without_a_unit() -> None:
    assert pack({"n": f"{NAME}:wet", "vb": True})[0].values == {"WET": 1.0}


def test_a_sum_is_read_beside_a_value() -> None:
    assert pack({"n": NAME, "bs": 1e6, "s": 12.0, "v": 20.5})[0].values == {"TA": 20.5}


def test_names_of_no_channel_mean_nothing() -> None:
    (reading,) = pack({"bn": NAME, "u": "Cel", "v": 20}, {"n": ":door", "vb": True}, {"n": ":text", "vs": "x"})
    assert reading.values == {"TA": 20.0}


def test_decimal_fractions_in_cbor() -> None:  # section 6 allows them
    pack = [{0: "urn:dev:ow:10e2073a0108006:current", 2: cbor2.CBORTag(4, [-2, 2315])}]
    assert readings(decode(source("senml-cbor"), cbor2.dumps(pack), NOW))[0].values == {"current": 23.15}


@pytest.mark.parametrize(
    ("records", "part"),
    [
        ([], "a list of 1 to 10000 records"),
        ([[]], "expected a record"),
        ([{}], "expected a name"),
        ([{"n": "-x", "v": 1}], "expected a name"),
        ([{"n": "a b", "v": 1}], "expected a name"),
        ([{"n": 1, "v": 1}], "n: expected a text"),
        ([{"n": "other", "v": 1}], "none of the names of stream 'senml-json'"),
        ([{"n": NAME, "v": "1"}], "v: expected a number"),
        ([{"n": NAME, "v": None}], "v: expected a number"),
        ([{"n": NAME, "v": 1e39}], "v: expected a finite number"),
        ([{"n": NAME, "bv": 3e38, "v": 3e38}], "v: expected a finite number"),
        ([{"n": NAME, "vs": "20.5"}], "expected a number v, got none"),
        ([{"n": NAME, "s": 5}], "a sum, a text or bytes cannot be stored"),
        ([{"n": NAME, "s": "5", "v": 1}], "s: expected a number"),
        ([{"n": NAME, "v": 1, "vb": True}], "has several values"),
        ([{"n": NAME, "v": 1, "t": "now"}], "t: expected a number"),
        ([{"n": NAME, "v": 1, "t": 1e12}], "t: expected seconds"),
        ([{"n": NAME, "v": 1, "t": -3e9}], "from 1990 to 2100"),  # 1931
        ([{"n": NAME, "v": 1, "bt": 7.3e9}], "from 1990 to 2100"),  # 2201
        ([{"n": NAME, "v": 1, "u": "K"}], "is in 'K', the station file declares deg C"),
        ([{"n": NAME, "v": 1, "u": "F"}], "is in 'F', the station file declares deg C"),
        ([{"n": f"{NAME}:rh", "v": 1, "u": "/"}], "is in '/' (fraction), the station file declares %"),
        ([{"n": NAME, "v": 1, "u": "Cel"}, {"n": NAME, "v": 2}], "comes twice at one time"),
        ([{"bver": 11, "n": NAME, "v": 1}], "bver: expected 1 to 10"),
        ([{"n": NAME, "v": 1, "future_": 1}], "must be understood"),
        # the example of section 5.1.3 has three quantities under one name: a channel is one of them
        ([{"bn": NAME, "u": "Cel", "v": 20}, {"u": "lon", "v": 24.30621}], "is in 'lon'"),
    ],
)
def test_bad_packs_are_refused_with_a_reason(records: list[Any], part: str) -> None:
    with pytest.raises(PayloadError) as caught:
        decode(source("senml-json"), json.dumps(records).encode(), NOW)
    assert part in caught.value.reason


def test_what_need_not_be_understood_is_left_out() -> None:
    assert pack({"n": NAME, "v": 1, "ut": 60, "x": [1]})[0].values == {"TA": 1.0}


@pytest.mark.parametrize(
    "content",
    [
        [{0: "urn:dev:ow:10e2073a0108006:current", 2: cbor2.CBORTag(4, [400, 1])}],
        [{0: "urn:dev:ow:10e2073a0108006:current", 2: cbor2.CBORTag(4, [-1, 1, 1])}],
        [{0: "urn:dev:ow:10e2073a0108006:current", 2: math.inf}],
        [{0: "urn:dev:ow:10e2073a0108006:current", 2: math.nan}],
        [{0: "urn:dev:ow:10e2073a0108006:current", 2: 1, 6: math.nan}],
        [{0: "urn:dev:ow:10e2073a0108006:current", 2: 2**70}],
        {"n": 1},
    ],
)
def test_bad_cbor_packs_are_refused(content: object) -> None:
    with pytest.raises(PayloadError):
        decode(source("senml-cbor"), cbor2.dumps(content), NOW)


def test_a_pack_with_very_many_keys_is_refused_before_it_is_read() -> None:
    with pytest.raises(PayloadError, match="more than 65536"):
        decode(source("senml-cbor"), cbor2.dumps([dict.fromkeys(range(30000), 0)]), NOW)
