"""What decoding a message costs: `python benchmarks/decode.py`.

CPU time of one message on one core, the least of many repetitions: a block of 20 samples of 10 channels (a second at
20 Hz) in each of its forms, and the good messages of the other formats that `benchmarks/hostile.py` has. Prints a
table and, last, one line of JSON with microseconds by name.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from benchmarks.hostile import MESSAGES, NOW  # noqa: E402
from core.clock import NS  # noqa: E402
from core.records import SampleBlock  # noqa: E402
from core.station import Channel, Stream  # noqa: E402
from ingest.encoding import encode_block  # noqa: E402
from ingest.payloads import (  # noqa: E402
    MessageSource,
    block_json,
    decode,
)

REPETITIONS, CALLS = 40, 500
NAMES = tuple(f"c{i}" for i in range(10))
STEP = 0.01
DECLARED = Stream(
    name="ec",
    kind="block",
    rate=20.0,
    channels=tuple(Channel(name=name, variable="U", unit="m s-1", resolution=STEP) for name in NAMES),
)


def messages() -> dict[str, tuple[MessageSource, bytes]]:
    """Return what is decoded, by name."""
    steps = np.random.default_rng(1).integers(-3000, 3000, (len(NAMES), 20))
    block = SampleBlock("tower", "ec", NOW, NS // 20, NAMES, (steps * STEP).astype(np.float32), 7, 1)
    source = MessageSource("tower", "ec", "block", DECLARED)
    return {
        "block": (source, encode_block(block)),
        "block, zstd": (source, encode_block(block, compress=True)),
        "block, int16": (source, encode_block(block, steps=dict.fromkeys(NAMES, (STEP, 0.0)))),
        "block, JSON": (source, block_json.encode_block(block)),
        **{name: (meant, seeds[0]) for name, (meant, seeds) in MESSAGES.items() if name != "block"},
    }


def time_decoding(source: MessageSource, payload: bytes) -> float:
    """Return the least CPU time of a message. [us]"""
    least = float("inf")
    for _ in range(REPETITIONS):
        began = time.process_time()
        for _ in range(CALLS):
            decode(source, payload, NOW)
        least = min(least, time.process_time() - began)
    return least / CALLS * 1e6


def main() -> None:
    """Time all, print a table and a line of JSON."""
    print(f"{'message':24s} {'bytes':>6s} {'records':>8s} {'us':>7s}")
    result = {}
    for name, (source, payload) in messages().items():
        took = time_decoding(source, payload)
        print(f"{name:24s} {len(payload):6d} {len(decode(source, payload, NOW)):8d} {took:7.1f}")
        result[name] = round(took, 2)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
