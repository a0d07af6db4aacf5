"""Good payloads of every format, and bombs; `benchmarks/fuzz.py` uses them."""

from __future__ import annotations

import gzip
import json
import math
import zlib

import cbor2
import numpy as np
import zstandard

from core.clock import NS
from core.records import SampleBlock
from core.station import Station, parse_station
from ingest.encoding import encode_block
from ingest.files.raw import FILE_FORMATS
from ingest.payloads import FORMATS, MessageSource
from ingest.sources import DEVICE, Sources
from tests.ingest import campbell_writer as writer
from tests.ingest.files import test_binary_files as files
from tests.ingest.foreign import HEAD, source, state_source
from tests.ingest.hj212 import device

NOW = 1_782_864_000 * NS

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


_DEVICE = Sources({"cn-device": device.station()}, "flux/v1").resolve(DEVICE + device.MN)
_FRAMES = [
    device.minute("20260701083000", 415.25),
    device.minute("20260701083100", 416.0, "M", more="Name=\u957f\u767d\u5c71;")
    + device.message("DataTime=20260701083100;a05001-Rtd=1e2", cn="2011"),
    device.message("DataTime=20260701083000;a05001-Avg=400", flag="7", more="PNUM=2;PNO=1;")
    + device.message("DataTime=20260701083000;a01001-Avg=-2.5,a01001-Flag=D", flag="7", more="PNUM=2;PNO=2;"),
]


def _outside_messages() -> dict[str, tuple[MessageSource, list[bytes]]]:
    """Return the examples of other packages' formats."""
    found = {}
    for name in set(FORMATS) - set(FORMATS.own):
        for i, example in enumerate(FORMATS[name].examples):
            text = f'{HEAD}[[stream]]\ntopic = "example"\nformat = "{name}"\n{example.stream}'
            declared = parse_station(text, f"example {i} of {name}")
            meant = Sources({declared.id: declared}, "flux/v1").resolve("example")
            found[f"{name}, example {i}"] = (meant, list(example.payloads))
    return found


_MAPPED = (
    b'{"received_at": "2026-07-01T00:10:00.332604900Z", "uplink_message": {"decoded_payload": {"temp": 17.25, '
    b'"vwc": "0.31"}, "rx_metadata": [{"pressure": 91.2}, {"pressure": null}]}}'
)

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
    "mapped-json": (source("mapped"), [_MAPPED, _MAPPED.replace(b'"temp"', b'"t"')]),
    "hj212": (_DEVICE, _FRAMES),
    "state": (state_source(), [b'{"clientId":"CR1000X_70681","state":"offline","reason":"Loading"}', b"online"]),
    **_outside_messages(),
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


def _outside_files() -> dict[str, tuple[str, Station, list[bytes]]]:
    """Return the examples of other packages' formats."""
    examples = ((name, FILE_FORMATS[name].examples) for name in set(FILE_FORMATS) - set(FILE_FORMATS.own))
    return {
        f"{name}, example {i}": (one.name, parse_station(HEAD + one.station, f"{name} {i}"), list(one.contents))
        for name, several in examples
        for i, one in enumerate(several)
    }


FILES: dict[str, tuple[str, Station, list[bytes]]] = {
    "toa5-file": ("t.dat", files.station("toa5"), [_TOA5, gzip.compress(_TOA5)]),
    "tob1-file": ("t.dat", files.station("tob1"), [files.tob1(_ROWS), gzip.compress(files.tob1(_ROWS))]),
    "tob3-file": ("t.dat", files.station("tob3"), [files.tob3(_ROWS)]),
    "ghg-file": ("t.ghg", files.ghg_station(), [files.zipped({"t.data": files.ghg_table(_ROWS)})]),
    **_outside_files(),
}
"""Format of a file -> its name, a station with such files, and good files to begin with."""


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
