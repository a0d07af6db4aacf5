"""Our CBOR blocks, many at a time: messages that differ in time, numbers and samples only are read by position.

A message that was decoded the slow way is kept as a template: where its time, its numbers and its samples stand. A
message of the same length that equals it everywhere else has the same structure, so what it says is read off these
places for all such messages at once. Whatever fits no template, or would be refused, goes the slow way: results are
equal (tests/ingest/payloads/test_block_template.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.errors import PayloadError
from core.records import Float32Array, SampleBlock
from core.store import NO_SEQ
from ingest.encoding import FLOAT32_LE
from ingest.payloads import block_cbor
from ingest.payloads.checks import EARLIEST_NS, LATEST_NS, MAX_NUMBER
from ingest.payloads.format import MessageSource

MAX_TEMPLATES = 256
"""When there are more, all are forgotten: real senders need a few, and a sender that invents new ones gains nothing."""
PATIENCE = 32
"""So often a new template of a length may fit only the message that it was made from; then none is made any more."""

_NOWHERE = MessageSource("nobody", "none", "block")
Int64Array = NDArray[np.int64]


class Structure(NamedTuple):
    """What blocks of a template have in common: channels and step as in ``SampleBlock``, and a number of its own."""

    number: int
    channels: tuple[str, ...]
    dt_ns: int


@dataclass(frozen=True, slots=True)
class Blocks:
    """Blocks of one structure.

    Attributes
    ----------
    structure : Structure
        Channels and step.
    places : ndarray, shape (m,)
        Which of the messages they are.
    start_ns, seq, run : ndarray, shape (m,), int64
        As in ``SampleBlock``; ``NO_SEQ`` without a number.
    samples : ndarray, shape (m, channels, n), float32
    """

    structure: Structure
    places: Int64Array
    start_ns: Int64Array
    seq: Int64Array
    run: Int64Array
    samples: Float32Array


@dataclass(frozen=True, slots=True)
class _Template:
    """A message, and where in it stands what may differ."""

    structure: Structure
    block: SampleBlock
    message: NDArray[np.uint8]
    fixed: NDArray[np.bool_]
    numbers: dict[str, tuple[int, int]]  # key -> (position, length)
    samples: tuple[int, ...]


class Templates:
    """The structures that were seen; not thread-safe."""

    def __init__(self) -> None:
        self._of_length: dict[int, list[_Template]] = defaultdict(list)
        self._patience: dict[int, int] = {}
        self._count = 0
        self._number = 0

    def decode(self, payloads: Sequence[bytes]) -> tuple[list[Blocks], list[int]]:
        """Decode messages of the topics of blocks.

        Parameters
        ----------
        payloads : sequence of bytes
            Whatever the senders published.

        Returns
        -------
        decoded : list of Blocks
            Valid blocks, by structure.
        others : list of int
            Which messages must be decoded, or refused, the slow way.
        """
        decoded: list[Blocks] = []
        others: list[int] = []
        lengths: dict[int, list[int]] = defaultdict(list)
        for place, payload in enumerate(payloads):
            lengths[len(payload)].append(place)
        for length, places in lengths.items():
            waiting = np.array(places)
            bytes_of = np.frombuffer(b"".join([payloads[place] for place in places]), np.uint8)
            messages = bytes_of.reshape(len(places), length)
            for template in self._fitting(length, payloads, places, messages):
                fits, blocks = _read(template, waiting, messages)
                if fits.any():
                    if blocks is not None:
                        decoded.append(blocks)
                        others += np.setdiff1d(waiting[fits], blocks.places).tolist()
                    else:
                        others += waiting[fits].tolist()
                    waiting, messages = waiting[~fits], messages[~fits]
                places[:] = waiting.tolist()
                if not places:
                    break
            others += places
        return decoded, others

    def _fitting(
        self, length: int, payloads: Sequence[bytes], places: list[int], messages: NDArray[np.uint8]
    ) -> Iterator[_Template]:
        """Give the templates of a length, then new ones made of the messages that are left in ``places``."""
        yield from list(self._of_length[length])
        while len(places) > 1 and self._patience.get(length, PATIENCE) > 0:
            before = len(places)
            self._number += 1
            template = _learn(payloads[places[0]], self._number)
            if template is None:
                self._patience[length] = self._patience.get(length, PATIENCE) - 1
                return
            if self._count >= MAX_TEMPLATES:
                self._of_length.clear()
                self._count = 0
            self._of_length[length].append(template)
            self._count += 1
            yield template
            useful = before - len(places) > 1
            self._patience[length] = self._patience.get(length, PATIENCE) + (1 if useful else -1)


def _read(
    template: _Template, places: Int64Array, messages: NDArray[np.uint8]
) -> tuple[NDArray[np.bool_], Blocks | None]:
    """Return which messages have the structure, and those of them that are valid as blocks."""
    fits = ~((messages != template.message) & template.fixed).any(axis=1)
    if not fits.any():
        return fits, None
    messages = messages if fits.all() else messages[fits]
    number = {key: _numbers(messages, *where) for key, where in template.numbers.items()}
    block = template.block
    channels, n = block.samples.shape
    samples = np.empty((len(messages), channels, n), np.float32)
    for i, position in enumerate(template.samples):
        samples[:, i] = np.ascontiguousarray(messages[:, position : position + 4 * n]).view("<f4")
    start = number.get("t", np.full(len(messages), block.start_ns, np.uint64))
    valid = (start >= EARLIEST_NS) & (start < LATEST_NS)
    for key in ("seq", "run"):
        if key in number:
            valid &= number[key] <= MAX_NUMBER
    if np.isinf(samples).any():
        valid &= ~np.isinf(samples).any(axis=(1, 2))
    seq = number.get("seq", np.full(len(messages), NO_SEQ if block.seq is None else block.seq))
    run = number.get("run", np.full(len(messages), block.run))
    chosen = slice(None) if valid.all() else valid
    blocks = Blocks(
        template.structure,
        places[fits][chosen],
        start[chosen].astype(np.int64),
        seq[chosen].astype(np.int64),
        run[chosen].astype(np.int64),
        samples[chosen],
    )
    return fits, blocks if len(blocks.places) else None


def _numbers(messages: NDArray[np.uint8], position: int, length: int) -> NDArray[np.uint64]:
    bytes_of = np.ascontiguousarray(messages[:, position : position + length])
    return bytes_of.view(f">u{length}")[:, 0].astype(np.uint64)


def _learn(payload: bytes, number: int) -> _Template | None:
    """Make a template of a message, None if it is no plain block."""
    try:
        (block,) = block_cbor.decode(_NOWHERE, payload, 0)
        numbers, samples = find_values(payload)
    except (PayloadError, _Other, IndexError):
        return None
    message = np.frombuffer(payload, np.uint8)
    fixed = np.ones(len(message), bool)
    for position, length in numbers.values():
        fixed[position : position + length] = False
    for position in samples:
        fixed[position : position + 4 * block.samples.shape[1]] = False
    structure = Structure(number, block.channels, block.dt_ns)
    return _Template(structure, block, message, fixed, numbers, samples)


class _Other(Exception):
    """The message is built in another way than templates are."""


def find_values(payload: bytes) -> tuple[dict[str, tuple[int, int]], tuple[int, ...]]:
    """Return where a valid block has its time and numbers, and its samples.

    Returns
    -------
    numbers : dict of str to (int, int)
        Position and length of ``t``, ``seq`` and ``run``; one that is part of its head is left out.
    samples : tuple of int
        Position of each channel's samples.
    """
    numbers: dict[str, tuple[int, int]] = {}
    samples: list[int] = []
    count, at = _head(payload, 0, 5)
    for _ in range(count):
        size, begin = _head(payload, at, 3)
        key = payload[begin : begin + size].decode()
        at = begin + size
        if key == "c":
            channels, at = _head(payload, at, 5)
            for _ in range(channels):
                size, begin = _head(payload, at, 3)
                tag, begin = _head(payload, begin + size, 6)
                if tag != FLOAT32_LE:
                    raise _Other
                size, begin = _head(payload, begin, 2)
                samples.append(begin)
                at = begin + size
        else:
            _, end = _head(payload, at, 0)
            if key in ("t", "seq", "run") and end > at + 1:
                numbers[key] = (at + 1, end - at - 1)
            at = end
    if at != len(payload):
        raise _Other
    return numbers, tuple(samples)


def _head(payload: bytes, at: int, kind: int) -> tuple[int, int]:
    """Return the number in the head of a CBOR item of that major type, and where the head ends."""
    first = payload[at]
    short = first & 0x1F
    if first >> 5 != kind or short > 27:
        raise _Other
    if short < 24:
        return short, at + 1
    end = at + 1 + (1 << short - 24)
    return int.from_bytes(payload[at + 1 : end]), end
