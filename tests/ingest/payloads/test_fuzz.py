"""Ten thousand hostile payloads for every decoder, and the bombs; `benchmarks/fuzz.py` makes a million."""

from __future__ import annotations

import json
import random

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fuzz import DECODERS, Tally, run, try_bomb, try_payload
from benchmarks.hostile import FILES, MESSAGES, bombs
from benchmarks.mutation import make_payload
from core.errors import PayloadError
from core.station import HJ212
from ingest.payloads import FORMATS, STATE


@pytest.mark.parametrize("name", DECODERS)
def test_payloads_become_records_or_are_refused(name: str) -> None:
    tally = run(name, 10_000, seed=2)
    assert tally.faults == []
    assert tally.other == 0
    assert tally.records + tally.refused == tally.tried
    assert min(tally.records, tally.refused) > 0.005 * tally.tried


KEYS = ["head", "fields", "name", "units", "data", "time", "no", "vals", "type", "properties", "observationNames"]
KEYS += [
    "observations",
    "bn",
    "bt",
    "bu",
    "bv",
    "bs",
    "bver",
    "n",
    "u",
    "v",
    "t",
    "s",
    "vb",
    "state",
    "PTemp",
    "crTemp",
]
LABELS = st.sampled_from(KEYS) | st.integers(-6, 8)
TIMES = st.sampled_from(["2026-07-01T00:00:15", "2026-07-01T00:00:15Z", "1900-01-01T00:00:00Z", "2200-01-01T00:00:00"])
NONSENSE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TIMES | st.sampled_from(KEYS) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(LABELS, inner, max_size=6),
    max_leaves=20,
)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes(payload: bytes) -> None:
    tally = Tally()
    for name in MESSAGES:
        try_payload(DECODERS[name][0], payload, tally)
    assert tally.faults == []


@settings(max_examples=1000, deadline=None)
@given(NONSENSE)
def test_well_formed_nonsense(value: object) -> None:
    tally = Tally()
    for name in MESSAGES:
        for payload in (json.dumps(value).encode(), cbor2.dumps(value), cbor2.dumps([value])):
            try_payload(DECODERS[name][0], payload, tally)
    assert tally.faults == []


def test_every_format_is_tried() -> None:
    """Of other packages' formats those that have examples."""
    assert {meant.format for meant, _ in MESSAGES.values()} >= {*FORMATS.own, STATE, HJ212}
    assert {declared.files.format for _, declared, _ in FILES.values()} >= {"toa5", "tob1", "tob3", "ghg"}
    assert {"block, together", "hj212, sealed", *FILES, *MESSAGES} == set(DECODERS)


@pytest.mark.parametrize(("name", "payload"), bombs().items(), ids=lambda one: one if isinstance(one, str) else "")
def test_bombs_are_refused_at_once_and_without_memory(name: str, payload: bytes) -> None:
    tally, _ = try_bomb(payload)
    assert tally.faults == []
    assert tally.refused == len(DECODERS)


def test_a_fault_is_noticed() -> None:
    def read(payload: bytes) -> str:
        if len(payload) % 3 == 0:
            raise KeyError("missing")
        if len(payload) % 3 == 1:
            raise PayloadError("a reason\0that cannot be printed")
        return "nonsense"

    tally = Tally()
    for length in range(9):
        try_payload(read, bytes(length), tally)
    assert (tally.tried, tally.records, tally.refused, tally.other) == (9, 0, 3, 9)


def test_the_same_seed_makes_the_same_payloads() -> None:
    seeds = [b'{"a": 1}', b"xyz"]
    one, other = random.Random(7), random.Random(7)
    made = [make_payload(seeds, one) for _ in range(500)]
    assert made == [make_payload(seeds, other) for _ in range(500)]
    assert len(set(made)) > 300
