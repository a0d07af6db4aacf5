"""Good payloads of every format, what makes hostile ones of them, and bombs; `benchmarks/fuzz.py` uses them."""

from __future__ import annotations

import gzip
import json
import math
import random
import re
import zlib
from collections.abc import Sequence

import cbor2
import numpy as np
import zstandard

from core.clock import NS
from core.records import SampleBlock
from core.station import Station
from ingest.encoding import encode_block
from ingest.payloads import MessageSource
from tests.ingest import campbell_writer as writer
from tests.ingest.files import test_binary_files as files
from tests.ingest.foreign import source, state_source

NOW = 1_782_864_000 * NS
LONGEST = 4096
"""Longest payload that is made, about what a logger sends."""

_BLOCK = SampleBlock(
    "cn-foreign", "ec", NOW, NS // 20, ("u", "ts", "w"), np.linspace(-1, 1, 30, dtype=np.float32).reshape(3, 10), 7, 3
)
_STEPS = {"u": (0.01, 0.0), "ts": (0.005, 20.0)}
_WHOLE = SampleBlock("cn-foreign", "ec", NOW, NS // 20, ("u",), np.array([[0.01, 0.02, math.nan]], np.float32))
_SENML = [
    {"bn": "urn:dev:ow:10e2073a01080063", "bt": 1.7e9, "bu": "Cel", "bv": 20, "bs": 1, "bver": 10, "v": 1.5},
    {"t": 60, "v": 1.75, "s": 3},
    {"n": ":rh", "u": "%RH", "bv": 0, "v": 88, "t": -5},
    {"n": ":wet", "vb": True, "u": "/"},
    {"n": ":x", "vs": "text", "t": 0.5},
]
_SENML_CBOR = [
    {-2: "urn:dev:ow:10e2073a0108006:", -3: 1276020076.001, -4: "A", -1: 5, 0: "voltage", 1: "V", 2: 120.1},
    {0: "current", 6: -5, 2: 1.2},
    {0: "current", 6: -4, 2: cbor2.CBORTag(4, [-2, 130])},
    {0: "current", 6: 2**28, 2: 1, 5: 3.5},
]
_GEOJSON = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": ["-111.8", 41.7, 4498.0]},
    "properties": {
        "loggerID": "CR1000X_400",
        "observationNames": ["crTemp", "extreme_temperature", "message"],
        "observations": {"2025-10-01T09:21:00Z": [24.31, False, "warm"], "2025-10-01T09:22:00.5Z": [1e3, None, ""]},
    },
}
_CSIJSON = {
    "head": {
        "transaction": 0,
        "signature": 38611,
        "environment": {"station_name": "11467", "table_name": "Test"},
        "fields": [{"name": "PTemp", "units": "Deg C", "process": "Smp"}, {"dld_name": "BP_Avg", "units": "kPa"}],
    },
    "data": [
        {"time": "2026-07-01T00:00:15", "no": 7, "vals": [21.29, "NAN"]},
        {"time": "2026-07-01T00:00:30.25", "no": 8, "vals": [-1e-3, None]},
    ],
}
_FAST = {
    "head": {"fields": [{"name": "Ux", "units": "m/s"}, {"name": "Uz"}]},
    "data": [{"time": f"2026-07-01T00:00:0{i}.{i}", "no": i, "vals": [i / 2, -i]} for i in range(5)],
}
_HEADER = (
    b'"TOA5","s","CR1000","1","os","prog","26243","Test"\r\n"TIMESTAMP","RECORD","AirTC_Avg","RH"\r\n'
    b'"TS","RN","Deg C","%"\r\n"","","Avg","Smp"\r\n'
)
_LINE = b'"2026-07-01 00:30:00",7,21.77,"NAN"\r\n"2026-07-01 01:00:00.5",8,-1e3,55\r\n'


def _dumped(value: object) -> bytes:
    return json.dumps(value).encode()


def _json_block(**changes: object) -> bytes:
    good = {"v": 1, "t": "2026-07-01T00:00:00Z", "dt": 50_000_000, "n": 3, "seq": 7, "run": 1}
    return _dumped({**good, "c": {"u": [1, 2.5, None], "w": [0.1, -1e-3, 3]}, **changes})


MESSAGES: dict[str, tuple[MessageSource, list[bytes]]] = {
    "block": (
        source("ec"),
        [
            encode_block(_BLOCK),
            encode_block(_BLOCK, compress=True),
            encode_block(_WHOLE, steps=_STEPS),
            _json_block(),
        ],
    ),
    "reading": (
        MessageSource("cn-foreign", "met", "reading"),
        [
            b'{"t": "2026-07-01T00:00:00Z", "v": {"TA_1_1_1": 21.3, "RH": null}, "seq": 3, "run": 9}',
            b'[{"t": 1782864000000000000, "v": {"TA": 1e3}}, {"t": "2026-07-01T00:00:00.5+08:00", "v": {"TA": -1}}]',
        ],
    ),
    "senml-json": (source("senml-json"), [_dumped(_SENML), _dumped(_SENML[:1])]),
    "senml-cbor": (source("senml-cbor"), [cbor2.dumps(_SENML_CBOR), cbor2.dumps(_SENML_CBOR[:2])]),
    "campbell-geojson": (source("geojson"), [_dumped(_GEOJSON)]),
    "campbell-csijson": (source("csijson"), [_dumped(_CSIJSON)]),
    "campbell-csijson-block": (source("fast"), [_dumped(_FAST)]),
    "toa5-line": (source("toa5"), [_LINE, _HEADER + _LINE]),
    "state": (state_source(), [b'{"clientId":"CR1000X_70681","state":"offline","reason":"Loading"}', b"online"]),
}
"""Format of a message -> a source of it, and good payloads to begin with."""
_ROWS = files.values(9)
_TOA5 = b"".join(
    [
        writer.line(["TOA5", "synth", "CR3000", "1234", "CR3000.Std.31", "CPU:synth.CR3", "4711", "ts_data"]),
        writer.line(["TIMESTAMP", "RECORD", *files.NAMES]),
        writer.line(["TS", "RN", *files.UNITS]),
        writer.line(["", "", *["Smp"] * len(files.NAMES)]),
        *(f'"2024-06-20 13:00:00.{5 * i:02d}",{i},{",".join(map(str, row))}\n'.encode() for i, row in enumerate(_ROWS)),
    ]
)
FILES: dict[str, tuple[str, Station, list[bytes]]] = {
    "toa5-file": ("t.dat", files.station("toa5"), [_TOA5, gzip.compress(_TOA5)]),
    "tob1-file": ("t.dat", files.station("tob1"), [files.tob1(_ROWS), gzip.compress(files.tob1(_ROWS))]),
    "tob3-file": ("t.dat", files.station("tob3"), [files.tob3(_ROWS)]),
    "ghg-file": ("t.ghg", files.ghg_station(), [files.zipped({"t.data": files.ghg_table(_ROWS)})]),
}
"""Format of a file -> its name, a station with such files, and good files to begin with."""

TOKENS = [
    *(b"0", b"-1", b"1e999", b"-1e400", b"1e39", b"NaN", b"Infinity", b"null", b"true", b'""', b"{}", b"[]"),
    *(b"9223372036854775808", b"1000000000", b"0.5", b"1900", b"2200", b"-50000000", b"2026-02-30", b"24:00:60"),
    *(
        b'"',
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\\u0000",
        b"\\ud800",
        b"\xff",
        b"\0",
        b"\n",
        b'"NAN"',
        b"\xef\xbb\xbf",
    ),
    # CBOR: huge and endless lengths, tags, floats that are none, big numbers
    *(
        b"\x9b" + b"\xff" * 8,
        b"\xbb" + b"\x7f" * 8,
        b"\x5b" + b"\0\0\1" + b"\0" * 5,
        b"\x9f",
        b"\xbf",
        b"\x5f",
        b"\xff",
    ),
    *(b"\xd8\x1c", b"\xd8\x1d", b"\xc2\x49" + b"\xff" * 9, b"\xc4\x82", b"\xd8\x4d", b"\xd8\x55", b"\xd8\x23", b"\xf6"),
    *(b"\xf9\x7e\x00", b"\xf9\x7c\x00", b"\xfb\x7f\xf0" + b"\0" * 6, b"\x3b" + b"\xff" * 8, b"\x1b" + b"\xff" * 8),
    b"\x28\xb5\x2f\xfd",
]
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
EXTREMES = [
    *(b"0", b"-1", b"-0", b"1", b"0.1", b"1e9", b"1000000000", b"65536", b"65537", b"4294967296", b"1e308", b"1e309"),
    *(
        b"-3.5e38",
        b"9223372036854775807",
        b"9223372036854775808",
        b"-9223372036854775809",
        b"1" * 400,
        b"3600000000001",
    ),
    *(
        b"-2208988800",
        b"7258118400",
        b"268435456",
        b"268435455",
        b"1900",
        b"2200",
        b"9999",
        b"99",
        b"00",
        b"3600000000001",
    ),
]


def make_payload(seeds: Sequence[bytes], dice: random.Random) -> bytes:
    """Return an arbitrary payload, or a good one that was changed in some places, or cut."""
    kind = dice.random()
    if kind < 0.05:
        return dice.randbytes(dice.randrange(200))
    good = dice.choice(seeds)
    if kind < 0.1:
        return good[: dice.randrange(len(good) + 1)]
    payload = bytearray(good)
    for _ in range(1 + int(dice.expovariate(0.7))):
        _change(payload, seeds, dice)
    if dice.random() < 0.05:
        return zstandard.compress(bytes(payload))
    return bytes(payload[:LONGEST])


def _change(payload: bytearray, seeds: Sequence[bytes], dice: random.Random) -> None:
    at = dice.randrange(len(payload) + 1)
    size = 1 + int(dice.expovariate(0.2))
    match dice.randrange(8):
        case 0:  # a bit
            if payload:
                payload[at % len(payload)] ^= 1 << dice.randrange(8)
        case 1:
            payload[at : at + 1] = dice.randbytes(1)
        case 2:
            del payload[at : at + size]
        case 3:
            payload[at:at] = dice.choice(TOKENS)
        case 4:
            payload[at : at + size] = dice.choice(TOKENS)
        case 5:  # something twice
            payload[at:at] = payload[at : at + size]
        case 6:  # a piece of another one
            other = dice.choice(seeds)
            start = dice.randrange(len(other))
            payload[at : at + size] = other[start : start + size]
        case 7:  # a number, somewhere else than usual
            found = _NUMBER.search(payload, at)
            if found is not None:
                payload[found.start() : found.end()] = dice.choice(EXTREMES)


def _gzip_bomb() -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return packer.compress(bytes(1 << 28)) + packer.flush()


def bombs() -> dict[str, bytes]:
    """Return small messages that ask for much, and messages that say the impossible."""
    samples = cbor2.CBORTag(85, np.zeros(3, "<f4").tobytes())
    good = {"v": 1, "t": NOW, "dt": 50_000_000, "n": 3, "c": {"u": samples}}

    def block(**changes: object) -> bytes:
        return cbor2.dumps({**good, **changes})

    def typed(*values: float) -> dict[str, object]:
        return {"c": {"u": cbor2.CBORTag(85, np.array(values, "<f4").tobytes())}}

    return {
        "zstd, 1 GB": zstandard.ZstdCompressor(level=19).compress(bytes(1 << 30)),
        "zstd, 256 MB, no size": zstandard.ZstdCompressor(level=3, write_content_size=False).compress(bytes(1 << 28)),
        "gzip, 256 MB": _gzip_bomb(),
        "100 MB of zeros": bytes(100 << 20),
        "100 MB of text": b'{"v":' + b" " * (100 << 20) + b"1}",
        "CBOR arrays in arrays": b"\x81" * 1_000_000,
        "CBOR maps in maps": b"\xa1\x61v" * 300_000,
        "CBOR tags on tags": b"\xd8\x55" * 500_000,
        "CBOR tag 28 in tag 28": b"\xd8\x1c\x81\xd8\x1d\x00",
        "CBOR array of 2^60": b"\x9b" + (2**60).to_bytes(8, "big"),
        "CBOR bytes of 2^40": b"\x5b" + (2**40).to_bytes(8, "big"),
        "CBOR number of 800 000 bits": cbor2.dumps(2**800_000),
        "CBOR decimal 1e400": cbor2.dumps([{0: "x", 2: cbor2.CBORTag(4, [400, 1])}]),
        "CBOR regular expression": cbor2.dumps(cbor2.CBORTag(35, "(" * 10_000)),
        "JSON arrays in arrays": b"[" * 1_000_000,
        "JSON objects in objects": b'{"v":' * 200_000,
        "JSON number of 900 000 digits": b'{"t":' + b"9" * 900_000 + b"}",
        "dt < 0": block(dt=-50_000_000),
        "dt = 0": block(dt=0),
        "10^9 samples declared": block(n=10**9),
        "10^9 samples declared, JSON": _json_block(n=10**9),
        "year 1900": block(t=-2_208_988_800 * NS),
        "year 2200": block(t=7_258_118_400 * NS),
        "year 1900, JSON": _json_block(t="1900-01-01T00:00:00Z"),
        "year 2200, JSON": _json_block(t="2200-01-01T00:00:00Z"),
        "t is NaN": block(t=math.nan),
        "dt is infinite": block(dt=math.inf),
        "infinite samples": block(**typed(1, math.inf, 3)),
        "NaN, JSON": _json_block(c={"u": [1, math.nan, 3]}),
        "infinity, JSON": _json_block(c={"u": [1, math.inf, 3]}),
        "a quote that never ends": b'"' * 1_000_000,
        "one line of 1 MB": b"1," * 500_000,
    }
