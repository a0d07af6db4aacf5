"""Hostile input: `python benchmarks/fuzz.py [--count 1000000] [--decoder NAME ...] [--seed 1]`.

Gives every decoder of messages and raw files arbitrary, mutated and truncated payloads, and a list of bombs. A payload
must become records within the limits of the format, or a `PayloadError`; anything else, a warning too, is counted as
`other` and makes the exit status 1. Prints tables and, last, one line of JSON with the counts of each decoder.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import random
import re
import sys
import tempfile
import time
import warnings
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import cbor2  # noqa: E402
import numpy as np  # noqa: E402
import zstandard  # noqa: E402

from core.clock import NS  # noqa: E402
from core.errors import PayloadError  # noqa: E402
from core.records import LoggerState, Reading, SampleBlock  # noqa: E402
from core.station import Station  # noqa: E402
from ingest.encoding import encode_block  # noqa: E402
from ingest.files import raw  # noqa: E402
from ingest.payloads import Record, decode  # noqa: E402
from ingest.payloads.checks import EARLIEST_NS, LATEST_NS, MAX_BLOCK_NS, MAX_SAMPLES  # noqa: E402
from ingest.sources import Source  # noqa: E402
from tests.ingest import campbell_writer as writer  # noqa: E402
from tests.ingest import test_binary_files as files  # noqa: E402
from tests.ingest.foreign import source, state_source  # noqa: E402

Decoder = Callable[[bytes], str]

NOW = 1_782_864_000 * NS
MEMORY_MB = 64
"""How much more memory a decoder may need than before it began, and a single payload at its peak."""
SLOW_S = 3.0
"""How long a bomb may take, CPU time."""
LONGEST = 4096
"""Longest payload that is made, about what a logger sends."""
SHOWN = 5
"""Faults that are shown of each decoder."""

_FOLDER = tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)

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


def _message(meant: Source) -> Decoder:
    def read(payload: bytes) -> str:
        return fault_of(meant, decode(meant, payload, NOW))

    return read


def _file(name: str, declared: Station) -> Decoder:
    """Return what reads a file whole, as `fluxtower process` and `fluxtower ingest` do; it is written to memory."""
    stream = "ec"
    path = Path(_FOLDER.name) / name

    def read(payload: bytes) -> str:
        path.write_bytes(payload)
        span = raw.find_span(path, declared, stream)
        for records in raw.read_records(span, declared, stream, 0, lambda _: None):
            if records.values.shape[1:] != records.starts.shape or np.isinf(records.values).any():
                return f"records of shape {records.values.shape}"
        return ""

    return read


MESSAGES: dict[str, tuple[Source, list[bytes]]] = {
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
        Source("cn-foreign", "met", "reading"),
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
DECODERS: dict[str, tuple[Decoder, list[bytes]]] = {
    **{name: (_message(meant), seeds) for name, (meant, seeds) in MESSAGES.items()},
    **{name: (_file(file, declared), seeds) for name, (file, declared, seeds) in FILES.items()},
}
"""Decoder -> what reads a payload and returns a fault, and good payloads to begin with."""

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


def fault_of(meant: Source, records: Sequence[Record]) -> str:
    """Return what is wrong with records that a decoder gave, empty if nothing is."""
    if not records:
        return "no records"
    for record in records:
        if record.station != meant.station:
            return "another station"
        if isinstance(record, LoggerState):
            if len(record.logger) > 80 or len(record.reason) > 80 or not (record.logger + record.reason).isprintable():
                return f"a state that cannot be shown: {record}"
        elif record.stream != meant.stream:
            return "another stream"
        elif isinstance(record, Reading):
            if not EARLIEST_NS <= record.time_ns < LATEST_NS:
                return f"time {record.time_ns}"
            if not record.values or any(math.isinf(value) for value in record.values.values()):
                return f"values {record.values}"
        else:
            channels, n = record.samples.shape
            end_ns = n * record.dt_ns
            if not (EARLIEST_NS <= record.start_ns < LATEST_NS and record.dt_ns > 0 and end_ns <= MAX_BLOCK_NS):
                return f"time {record.start_ns}, {n} x {record.dt_ns}"
            if channels != len(record.channels) or not 1 <= n <= MAX_SAMPLES or record.samples.dtype != np.float32:
                return f"samples of shape {record.samples.shape}"
            if np.isinf(record.samples).any():
                return "infinite samples"
    return ""


@dataclass(slots=True)
class Outcome:
    """What became of a decoder's payloads."""

    tried: int = 0
    records: int = 0
    refused: int = 0
    other: int = 0
    slowest_s: float = 0.0
    seconds: float = 0.0
    grown_mb: float = 0.0
    faults: list[str] = field(default_factory=list)

    def fault(self, payload: bytes, what: str) -> None:
        """Count something that must not happen."""
        self.other += 1
        if len(self.faults) < SHOWN:
            self.faults.append(f"{what}: {payload[:300]!r}")


def try_payload(read: Decoder, payload: bytes, outcome: Outcome) -> None:
    """Decode one payload and count what came of it."""
    outcome.tried += 1
    began = time.process_time()
    try:
        fault = read(payload)
        if not fault:
            outcome.records += 1
    except PayloadError as error:
        outcome.refused += 1
        shown = error.reason.isprintable() and len(error.reason) <= 1000
        fault = "" if shown else f"a reason that cannot be shown: {error.reason!r}"
    except Exception as error:
        fault = repr(error)
    outcome.slowest_s = max(outcome.slowest_s, time.process_time() - began)
    if fault:
        outcome.fault(payload, fault)


def run(name: str, count: int, seed: int) -> Outcome:
    """Give a decoder so many payloads."""
    read, seeds = DECODERS[name]
    dice = random.Random(f"{name} {seed}")
    outcome = Outcome()
    for good in seeds:
        try_payload(read, good, outcome)
    if outcome.records < len(seeds):
        outcome.fault(seeds[0], "a good payload is refused")
    before = _peak_mb(fresh=True)
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        while outcome.tried < count:
            try_payload(read, make_payload(seeds, dice), outcome)
    outcome.seconds = time.process_time() - began
    outcome.grown_mb = _peak_mb() - before
    if outcome.grown_mb > MEMORY_MB:
        outcome.fault(b"", f"{outcome.grown_mb:.0f} MB more memory than before")
    return outcome


def _peak_mb(*, fresh: bool = False) -> float:
    """Return the most memory that this process had, since the last call that asked for a fresh start (Linux)."""
    if fresh:
        Path("/proc/self/clear_refs").write_text("5")
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else math.nan


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


def try_bomb(payload: bytes) -> tuple[Outcome, float]:
    """Give a bomb to every decoder; return what came of it and how much more memory it took. [MB]"""
    outcome, most = Outcome(), 0.0
    for read, _ in DECODERS.values():
        before = _peak_mb(fresh=True)
        try_payload(read, payload, outcome)
        most = max(most, _peak_mb() - before)
    if outcome.records:
        outcome.fault(payload, f"{outcome.records} decoders made records of it")
    if outcome.slowest_s > SLOW_S or most > MEMORY_MB:
        outcome.fault(payload, f"{outcome.slowest_s:.2f} s, {most:.0f} MB")
    return outcome, most


def main() -> None:
    """Run it all, print tables and a line of JSON."""
    parser = argparse.ArgumentParser(description="Hostile payloads for every decoder.")
    parser.add_argument("--count", type=int, default=1_000_000, help="payloads for each decoder")
    parser.add_argument("--decoder", action="append", choices=list(DECODERS), help="only this one; may be repeated")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()

    print(f"{'decoder':24s} {'tried':>9s} {'records':>9s} {'refused':>9s} {'other':>6s}", end="")
    print(f" {'us each':>8s} {'slowest ms':>11s} {'MB more':>8s}")
    failed = False
    result: dict[str, dict[str, int]] = {}
    for name in given.decoder or DECODERS:
        outcome = run(name, given.count, given.seed)
        failed |= outcome.other > 0
        print(
            f"{name:24s} {outcome.tried:9d} {outcome.records:9d} {outcome.refused:9d} {outcome.other:6d} "
            f"{outcome.seconds / outcome.tried * 1e6:8.1f} {outcome.slowest_s * 1e3:11.1f} {outcome.grown_mb:8.1f}",
            flush=True,
        )
        for fault in outcome.faults:
            print(f"    {fault[:1000]}")
        result[name] = {key: getattr(outcome, key) for key in ("tried", "records", "refused", "other")}
    print(f"\n{'bomb':32s} {'bytes':>10s} {'refused':>8s} {'ms':>8s} {'MB more':>8s}")
    for name, payload in bombs().items():
        outcome, most = try_bomb(payload)
        failed |= outcome.other > 0
        refused = f"{outcome.refused}/{outcome.tried}"
        print(f"{name:32s} {len(payload):10d} {refused:>8s} {outcome.slowest_s * 1e3:8.1f} {most:8.1f}")
        for fault in outcome.faults:
            print(f"    {fault[:1000]}")
    print(json.dumps(result))
    sys.exit(failed)


if __name__ == "__main__":
    main()
