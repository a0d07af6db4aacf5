"""Hostile input: `python benchmarks/fuzz.py [--count 1000000] [--decoder NAME ...] [--seed 1]`.

Gives every decoder of messages and raw files arbitrary, mutated and truncated payloads, and a list of bombs. A payload
must become records within the limits of the format, or a `PayloadError`; anything else, a warning too, is counted as
`other` and makes the exit status 1. Formats of other packages are tried as well, as far as they have examples. Prints
tables and, last, one line of JSON with the counts of each decoder.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from benchmarks.hostile import FILES, MESSAGES, NOW, bombs  # noqa: E402
from benchmarks.mutation import make_payload  # noqa: E402
from core.errors import PayloadError  # noqa: E402
from core.records import SampleBlock  # noqa: E402
from core.station import Station  # noqa: E402
from core.store import NO_SEQ  # noqa: E402
from ingest.files import raw  # noqa: E402
from ingest.files.raw import FILE_FORMATS  # noqa: E402
from ingest.hj212.codec.frame import HEAD, MAX_SEGMENT, TAIL, build_frame  # noqa: E402
from ingest.payloads import FORMATS, MessageSource, decode  # noqa: E402
from ingest.payloads.block_template import Templates  # noqa: E402
from ingest.payloads.checks import check_size  # noqa: E402
from ingest.payloads.records import fault_of  # noqa: E402

Decoder = Callable[[bytes], str]

MOST_MEMORY_MB = 64
"""How much more memory a decoder may need than before it began, and a single payload at its peak."""
LONGEST_BOMB_S = 3.0
"""How long a bomb may take, CPU time."""
LONGEST_SEALED = 1 << 16
"""Longest message whose frames are made right again. [bytes]"""
MOST_FAULTS_SHOWN = 5
"""Faults that are shown of each decoder."""

_FOLDER = tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)


def _message(meant: MessageSource) -> Decoder:
    # a format of another package: its decoder itself, for `decode` makes a refusal of whatever goes wrong in it
    outside = FORMATS[meant.format].decode if FORMATS.package_of(meant.format) else None

    def read(payload: bytes) -> str:
        return fault_of(meant, (outside or decode)(meant, payload, NOW))

    return read


def _many(meant: MessageSource, good: Sequence[bytes]) -> Decoder:
    """Return what decodes a payload among others of its form, as a collector does, and compares with it alone."""
    templates = Templates()

    def read(payload: bytes) -> str:
        batch = [*good, payload, *good]
        decoded, others = templates.decode(batch)
        together = [place for blocks in decoded for place in blocks.places.tolist()]
        if sorted([*others, *together]) != list(range(len(batch))):
            return "a message is lost or doubled"
        try:
            records = decode(meant, payload, NOW)
        except PayloadError:
            if len(good) in together:
                return "taken together, refused alone"
            raise
        for blocks in decoded:
            for i in np.flatnonzero(blocks.places == len(good)):
                (alone,) = records
                assert isinstance(alone, SampleBlock)
                said = (blocks.structure.channels, blocks.structure.dt_ns, blocks.start_ns[i], blocks.run[i])
                seq = None if blocks.seq[i] == NO_SEQ else int(blocks.seq[i])
                if said != (alone.channels, alone.dt_ns, alone.start_ns, alone.run) or seq != alone.seq:
                    return f"{said}, {seq} together, {alone} alone"
                if not np.array_equal(blocks.samples[i], alone.samples, equal_nan=True):
                    return "other samples together than alone"
        return fault_of(meant, records)

    return read


def _sealed(meant: MessageSource) -> Decoder:
    """Return what decodes frames after length and CRC were made right: else nearly all are refused for these alone."""
    read_right = _message(meant)

    def read(payload: bytes) -> str:
        check_size(payload, LONGEST_SEALED)
        lines = [line for line in payload.split(b"\r\n") if line]
        return read_right(b"".join(build_frame(line[HEAD:-TAIL][:MAX_SEGMENT]) for line in lines))

    return read


def _file(name: str, declared: Station) -> Decoder:
    """Return what reads a file whole, as `fluxtower process` and `fluxtower ingest` do; it is written to memory."""
    stream = "ec"
    format = declared.files.format
    # of another package: its reader itself, for `raw` makes a refusal of whatever goes wrong in it
    outside = FILE_FORMATS[format] if FILE_FORMATS.package_of(format) else None
    path = Path(_FOLDER.name) / name

    def read(payload: bytes) -> str:
        path.write_bytes(payload)
        if outside is None:
            span = raw.find_span(path, declared, stream)
            pieces = raw.read_records(span, declared, stream, 0, lambda _: None)
        else:
            span = outside.find_span(path, outside.stream_of(declared, stream))
            pieces = outside.read_records(span, outside.stream_of(declared, stream), 0, lambda _: None)
        for records in pieces:
            if records.values.shape[1:] != records.starts.shape or np.isinf(records.values).any():
                return f"records of shape {records.values.shape}"
        return ""

    return read


DECODERS: dict[str, tuple[Decoder, list[bytes]]] = {
    **{name: (_message(meant), seeds) for name, (meant, seeds) in MESSAGES.items()},
    "block, together": (_many(MESSAGES["block"][0], MESSAGES["block"][1][:1]), MESSAGES["block"][1][:1]),
    "hj212, sealed": (_sealed(MESSAGES["hj212"][0]), MESSAGES["hj212"][1]),
    **{name: (_file(file, declared), seeds) for name, (file, declared, seeds) in FILES.items()},
}
"""Decoder -> what reads a payload and returns a fault, and good payloads to begin with."""


@dataclass(slots=True)
class Tally:
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
        if len(self.faults) < MOST_FAULTS_SHOWN:
            self.faults.append(f"{what}: {payload[:300]!r}")


def try_payload(read: Decoder, payload: bytes, tally: Tally) -> None:
    """Decode one payload and count what came of it."""
    tally.tried += 1
    began = time.process_time()
    try:
        fault = read(payload)
        if not fault:
            tally.records += 1
    except PayloadError as error:
        tally.refused += 1
        shown = error.reason.isprintable() and len(error.reason) <= 1000
        fault = "" if shown else f"a reason that cannot be shown: {error.reason!r}"
    except Exception as error:
        fault = repr(error)
    tally.slowest_s = max(tally.slowest_s, time.process_time() - began)
    if fault:
        tally.fault(payload, fault)


def run(name: str, count: int, seed: int) -> Tally:
    """Give a decoder so many payloads."""
    read, seeds = DECODERS[name]
    dice = random.Random(f"{name} {seed}")
    tally = Tally()
    for good in seeds:
        try_payload(read, good, tally)
    if tally.records < len(seeds):
        tally.fault(seeds[0], "a good payload is refused")
    before = _peak_mb(fresh=True)
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        while tally.tried < count:
            try_payload(read, make_payload(seeds, dice), tally)
    tally.seconds = time.process_time() - began
    tally.grown_mb = _peak_mb() - before
    if tally.grown_mb > MOST_MEMORY_MB:
        tally.fault(b"", f"{tally.grown_mb:.0f} MB more memory than before")
    return tally


def _peak_mb(*, fresh: bool = False) -> float:
    """Return the most memory that this process had, since the last call that asked for a fresh start (Linux)."""
    if fresh:
        Path("/proc/self/clear_refs").write_text("5")
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else math.nan


def try_bomb(payload: bytes) -> tuple[Tally, float]:
    """Give a bomb to every decoder; return what came of it and how much more memory it took. [MB]"""
    tally, most = Tally(), 0.0
    for read, _ in DECODERS.values():
        before = _peak_mb(fresh=True)
        try_payload(read, payload, tally)
        most = max(most, _peak_mb() - before)
    if tally.records:
        tally.fault(payload, f"{tally.records} decoders made records of it")
    if tally.slowest_s > LONGEST_BOMB_S or most > MOST_MEMORY_MB:
        tally.fault(payload, f"{tally.slowest_s:.2f} s, {most:.0f} MB")
    return tally, most


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
        tally = run(name, given.count, given.seed)
        failed |= tally.other > 0
        print(
            f"{name:24s} {tally.tried:9d} {tally.records:9d} {tally.refused:9d} {tally.other:6d} "
            f"{tally.seconds / tally.tried * 1e6:8.1f} {tally.slowest_s * 1e3:11.1f} {tally.grown_mb:8.1f}",
            flush=True,
        )
        for fault in tally.faults:
            print(f"    {fault[:1000]}")
        result[name] = {key: getattr(tally, key) for key in ("tried", "records", "refused", "other")}
    print(f"\n{'bomb':32s} {'bytes':>10s} {'refused':>8s} {'ms':>8s} {'MB more':>8s}")
    for name, payload in bombs().items():
        tally, most = try_bomb(payload)
        failed |= tally.other > 0
        refused = f"{tally.refused}/{tally.tried}"
        print(f"{name:32s} {len(payload):10d} {refused:>8s} {tally.slowest_s * 1e3:8.1f} {most:8.1f}")
        for fault in tally.faults:
            print(f"    {fault[:1000]}")
    print(json.dumps(result))
    sys.exit(failed)


if __name__ == "__main__":
    main()
