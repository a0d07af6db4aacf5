"""Blocks by position against the slow decoder: the same results, whatever the bytes are."""

from __future__ import annotations

import math
import struct

import cbor2
import numpy as np
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import PayloadError
from core.records import SampleBlock
from ingest import payloads
from ingest.encoding import encode_block
from ingest.payloads import MessageSource, block_template
from ingest.payloads.block_template import Templates
from ingest.payloads.checks import EARLIEST_NS, LATEST_NS

SOURCE = MessageSource("nobody", "none", "block")
START = 1_782_864_000_000_000_000


def slow(payload: bytes) -> SampleBlock | str:
    try:
        (block,) = payloads.decode(SOURCE, payload, 0)
    except PayloadError as error:
        return error.reason
    assert isinstance(block, SampleBlock)
    return block


def fast(templates: Templates, messages: list[bytes]) -> dict[int, SampleBlock]:
    """Decode by templates; each message is either decoded or left to the slow way, once."""
    decoded, others = templates.decode(messages)
    found = {}
    for blocks in decoded:
        for i, place in enumerate(blocks.places.tolist()):
            assert place not in found
            seq = int(blocks.seq[i])
            found[place] = SampleBlock(
                "nobody",
                "none",
                int(blocks.start_ns[i]),
                blocks.structure.dt_ns,
                blocks.structure.channels,
                blocks.samples[i],
                None if seq < 0 else seq,
                int(blocks.run[i]),
            )
    assert sorted([*found, *others]) == list(range(len(messages)))
    return found


def assert_same(templates: Templates, messages: list[bytes]) -> int:
    """Compare with the slow way; return how many were read by position."""
    found = fast(templates, messages)
    for place, block in found.items():
        expected = slow(messages[place])
        assert isinstance(expected, SampleBlock), expected
        for name in ("start_ns", "dt_ns", "channels", "seq", "run"):
            assert getattr(block, name) == getattr(expected, name)
        assert block.samples.dtype == np.float32
        assert np.array_equal(block.samples.view(np.uint32), expected.samples.view(np.uint32))
    return len(found)


def make(
    i: int, *, n: int = 20, names: tuple[str, ...] = ("u", "v", "co2"), first: int = 70_000, run: int = 0
) -> bytes:
    samples = np.random.default_rng(i).normal(size=(len(names), n)).astype(np.float32)
    samples[0, 3] = np.nan
    return encode_block(SampleBlock("x", "ec", START + i * 10**9, 50_000_000, names, samples, first + i, run))


def test_messages_of_a_few_structures_are_read_by_position() -> None:
    messages = [make(i) for i in range(50)] + [make(i, n=10, run=START) for i in range(50)]
    messages += [make(i, names=("u", "w", "co2")) for i in range(50)]  # as long as the first ones
    random = np.random.default_rng(1)
    shuffled = [messages[i] for i in random.permutation(len(messages))]
    templates = Templates()
    assert assert_same(templates, shuffled) == 150
    assert assert_same(templates, shuffled[:1]) == 1


def test_numbers_that_grow_are_followed() -> None:
    templates = Templates()
    for first in (0, 22, 254, 65_534, 2**32 - 3, 2**63 - 6):
        assert assert_same(templates, [make(i, first=first) for i in range(6)]) >= 4


def test_what_the_slow_way_refuses_is_left_to_it() -> None:
    good = [make(i) for i in range(8)]
    at = good[0].index(struct.pack(">Q", START))
    changes = {
        1: struct.pack(">Q", EARLIEST_NS - 1),
        2: struct.pack(">Q", LATEST_NS),
        3: struct.pack(">Q", 2**64 - 1),
        4: struct.pack(">Q", EARLIEST_NS),
    }
    messages = [one[:at] + changes[i] + one[at + 8 :] if i in changes else one for i, one in enumerate(good)]
    messages[5] = messages[5][:-4] + struct.pack("<f", math.inf)
    number = make(1, first=2**40)
    other = make(2, first=2**40)
    at = number.index(struct.pack(">Q", 2**40 + 1))
    messages += [other, number, number[:at] + b"\xff" * 8 + number[at + 8 :]]
    found = fast(Templates(), messages)
    assert sorted(found) == [0, 4, 6, 7, 8, 9]
    assert assert_same(Templates(), messages) == 6


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_change_of_a_byte_gives_the_same_result(data: st.DataObject) -> None:
    originals = [make(i, n=4, run=START if i % 2 else 0) for i in range(4)]
    templates = Templates()
    fast(templates, originals * 2)
    messages = []
    for _ in range(12):
        message = bytearray(data.draw(st.sampled_from(originals)))
        for _ in range(data.draw(st.integers(1, 3))):
            message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
        messages.append(bytes(message))
    assert_same(templates, [*originals, *messages])
    assert_same(Templates(), [*messages, *messages])


@settings(max_examples=60, deadline=None)
@given(messages=st.lists(st.binary(max_size=40), max_size=8))
def test_rubbish_goes_the_slow_way(messages: list[bytes]) -> None:
    assert assert_same(Templates(), messages * 2) == 0


def test_other_forms_of_a_block_go_the_slow_way() -> None:
    fields = cbor2.loads(make(1))
    typed = cbor2.CBORTag(77, np.arange(20, dtype="<i2").tobytes())
    forms = [
        zstandard.ZstdCompressor().compress(make(1)),
        cbor2.dumps({**fields, "t": "2026-07-01T00:00:00Z"}),
        cbor2.dumps({**fields, "note": "sent by hand"}),
        cbor2.dumps({**fields, "c": {"u": typed}}),
        b'{"v":1,"t":1782864000000000000,"dt":50000000,"n":1,"c":{"u":[1]}}',
        b"",
    ]
    for form in forms:
        templates = Templates()
        for _ in range(3):
            assert fast(templates, [form] * 5) == {}


def test_a_sender_of_ever_new_structures_costs_bounded_memory() -> None:
    templates = Templates()
    for i in range(block_template.MAX_TEMPLATES + 10):
        names = (f"{i:03d}" + "x" * (i % 40),)
        assert assert_same(templates, [make(1, names=names), make(2, names=names)]) == 2
    assert templates._count <= block_template.MAX_TEMPLATES
    lonely = Templates()
    for i in range(300):  # of the same length, each with a structure of its own
        assert_same(lonely, [make(1, names=(f"{2 * i:03d}",)), make(1, names=(f"{2 * i + 1:03d}",))])
    assert lonely._count <= block_template.PATIENCE + 1
