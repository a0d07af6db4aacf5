"""What damages good raw files of every format; `benchmarks/damage.py` uses it."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from benchmarks.good_files import (
    FIRST,
    FORMATS,
    ORDERS,
    PER_FRAME,
    STEP_MS,
    Entry,
    Format,
    Item,
    Piece,
    good_items,
    zipped,
)

SECOND, DAY = 1000 // STEP_MS, 86_400_000 // STEP_MS
"""In steps."""
_HOURS_1990 = round((datetime(1990, 1, 1, tzinfo=UTC) - FIRST).total_seconds()) * SECOND


@dataclass(slots=True)
class Damaged:
    """A damaged file, and what may come of it.

    Attributes
    ----------
    name : str
        What it is called.
    content : bytes
        The file.
    places : dict
        Record -> place that its stamp says, in steps from the first.
    whole : set of int
        Records that stand in the file undamaged.
    unknowable : set of int
        Records whose own bytes were changed into ones that may be right, too.
    record_bytes : int
        Of a record, or of a frame. [bytes]
    frame : int
        Records in such a piece.
    """

    name: str
    content: bytes
    places: dict[int, int]
    whole: set[int]
    unknowable: set[int] = field(default_factory=set)
    record_bytes: int = 1
    frame: int = 1


class Draft:
    """A file that is being damaged: it knows of each byte to which piece it belongs."""

    def __init__(self, format: Format, items: Sequence[Item]) -> None:
        self.format = format
        self.places: dict[int, int] = {}
        self.pieces: list[Piece] = []
        self.unknowable: set[int] = set()
        entries: list[Entry] = []
        for item in [*items, None]:
            if isinstance(item, Entry):
                entries.append(item)
                self.places[item.record] = item.place
                continue
            self.pieces += format.pieces(entries)
            entries = []
            if item is not None:
                self.pieces.append(Piece(format.header(item)))
        self.content = bytearray(b"".join(piece.content for piece in self.pieces))
        self._owner = [(p, k) for p, piece in enumerate(self.pieces) for k in range(len(piece.content))]

    @property
    def header(self) -> int:
        """Length of the header. [bytes]"""
        return len(self.pieces[0].content)

    @property
    def piece_bytes(self) -> int:
        """Length of a record's piece. [bytes]"""
        return len(self.pieces[-1].content)

    def put(self, first: int, last: int, new: bytes) -> set[int]:
        """Put other bytes in the place of some; return the records that these belong to."""
        hit = {record for p, _ in self._owner[first:last] if p >= 0 for record in self.pieces[p].records}
        self.content[first:last] = new
        self._owner[first:last] = [(-1, 0)] * len(new)
        return hit

    def finish(self, *, behind_whole: bool = True) -> Damaged:
        """Return the file, and the records that stand in it whole, behind a record that is."""
        whole: set[int] = set()
        owner = self._owner
        for at, (p, k) in enumerate(owner):
            if p < 0 or k or not (records := self.pieces[p].records):
                continue
            length = len(self.pieces[p].content)
            if owner[at : at + length] != [(p, i) for i in range(length)]:
                continue
            before = owner[at - 1] if at else (-1, 0)
            behind_other = before[0] >= 0 and before[1] == len(self.pieces[before[0]].content) - 1
            if behind_other or not (behind_whole and self.format.text):
                whole.update(records)
        return Damaged(
            self.format.name, bytes(self.content), self.places, whole, self.unknowable - whole, self.piece_bytes,
            len(self.pieces[-1].records),
        )  # fmt: skip


def _cut_points(items: Sequence[Item], dice: random.Random, count: int) -> list[int]:
    """Return places between records, in order, where a frame of TOB3 ends."""
    return [1 + PER_FRAME * n for n in sorted(dice.sample(range(2, len(items) // PER_FRAME - 1), count))]


def _shifted(items: Sequence[Item], steps: int) -> list[Item]:
    return [one._replace(place=one.place + steps) if isinstance(one, Entry) else one for one in items]


def _clock(shift: Callable[[random.Random], int]) -> Callable[[Format, random.Random], Damaged]:
    """Return what sets the clock at one moment."""

    def damage(format: Format, dice: random.Random) -> Damaged:
        items = good_items(dice)
        (at,) = _cut_points(items, dice, 1)
        return Draft(format, [*items[:at], *_shifted(items[at:], shift(dice))]).finish()

    return damage


def _clock_1990(format: Format, dice: random.Random) -> Damaged:
    """A dead battery: a few records are stamped from 1990 on, until the clock is set."""
    items = good_items(dice)
    at = 1 + PER_FRAME * dice.randrange(0, len(items) // PER_FRAME - 4)
    end = at + PER_FRAME * dice.randrange(1, 4)
    first = items[at]
    assert isinstance(first, Entry)
    dead = _shifted(items[at:end], _HOURS_1990 - first.place)
    return Draft(format, [*items[:at], *dead, *items[end:]]).finish()


def _stray_stamp(format: Format, dice: random.Random) -> Damaged:
    """A single record, or frame, is stamped days to years beside the others."""
    items = good_items(dice)
    (at,) = _cut_points(items, dice, 1)
    days = dice.choice((-3650, -400, -40, -2, 2, 40, 400, 3650))
    stray = _shifted(items[at : at + PER_FRAME], days * DAY)
    return Draft(format, [*items[:at], *stray, *items[at + PER_FRAME :]]).finish()


def _swapped_blocks(format: Format, dice: random.Random) -> Damaged:
    items = good_items(dice)
    a, b, c = _cut_points(items, dice, 3)
    return Draft(format, [*items[:a], *items[b:c], *items[a:b], *items[c:]]).finish()


def _repeated_block(format: Format, dice: random.Random) -> Damaged:
    items = good_items(dice)
    a, b, c = _cut_points(items, dice, 3)
    return Draft(format, [*items[:c], *items[a:b], *items[c:]]).finish()


def _gap(format: Format, dice: random.Random) -> Damaged:
    items = good_items(dice)
    a, b = _cut_points(items, dice, 2)
    return Draft(format, [*items[:a], *items[b:]]).finish()


def _header_again(format: Format, dice: random.Random) -> Damaged:
    items = good_items(dice)
    (at,) = _cut_points(items, dice, 1)
    return Draft(format, [*items[:at], ORDERS[0], *items[at:]]).finish()


def _other_header(format: Format, dice: random.Random) -> Damaged:
    """From a new header on the columns have another order."""
    items = good_items(dice)
    (at,) = _cut_points(items, dice, 1)
    order = dice.choice(ORDERS[1:])
    later = [one._replace(order=order) for one in items[at:] if isinstance(one, Entry)]
    return Draft(format, [*items[:at], order, *later]).finish()


def _header_lacks(format: Format, dice: random.Random) -> Damaged:
    """From a new header on a column is not there any more."""
    items = good_items(dice)
    (at,) = _cut_points(items, dice, 1)
    order = dice.sample(ORDERS[0], 3)
    later = [one._replace(order=order) for one in items[at:] if isinstance(one, Entry)]
    return Draft(format, [*items[:at], order, *later]).finish()


def _length(dice: random.Random) -> int:
    return int(2 ** dice.uniform(3, 12))


def _nuls(where: str) -> Callable[[Format, random.Random], Damaged]:
    def damage(format: Format, dice: random.Random) -> Damaged:
        draft = Draft(format, good_items(dice))
        filler = dice.choice((b"\0", b"\xff")) * _length(dice)
        size = len(draft.content)
        if where == "tail":
            keep = dice.randrange(draft.header, size + 1) if dice.random() < 0.5 else size
            draft.put(keep, size, filler)
        elif where == "head":
            draft.put(0, dice.choice((0, len(filler))), filler)
        else:
            at = dice.randrange(draft.header, size)
            end = min(size, at + len(filler))
            hit = draft.put(at, end, filler[: end - at])
            if not format.text and end - at < draft.piece_bytes:
                # a few bytes within a record of a binary table are numbers, too
                draft.unknowable |= hit
        return draft.finish(behind_whole=where != "head")

    return damage


def _cut(where: str) -> Callable[[Format, random.Random], Damaged]:
    def damage(format: Format, dice: random.Random) -> Damaged:
        draft = Draft(format, good_items(dice))
        size = len(draft.content)
        if where == "tail":
            draft.put(dice.randrange(0, size), size, b"")
        elif where == "head":
            draft.put(0, dice.randrange(1, size), b"")
        else:
            at = dice.randrange(draft.header, size)
            end = min(size - 1, at + _length(dice))
            hit = draft.put(at, end, b"")
            if format.text or (end - at) % draft.piece_bytes == 0:
                # the two ends may make a line, or a record, that looks whole
                draft.unknowable |= hit
        return draft.finish()

    return damage


def _foreign_bytes(format: Format, dice: random.Random) -> Damaged:
    draft = Draft(format, good_items(dice))
    at = dice.randrange(draft.header, len(draft.content))
    draft.unknowable |= draft.put(at, at + 1, b"")
    draft.put(at, at, dice.randbytes(_length(dice)))
    return draft.finish(behind_whole=True)


def _flipped(format: Format, dice: random.Random) -> Damaged:
    draft = Draft(format, good_items(dice))
    for _ in range(dice.randrange(1, 6)):
        at = dice.randrange(len(draft.content))
        old = draft.content[at]
        new = old ^ 1 << dice.randrange(8) if dice.random() < 0.5 else dice.randrange(256)
        if new != old:
            draft.unknowable |= draft.put(at, at + 1, bytes([new]))
    return draft.finish()


def _packed_file(format: Format, dice: random.Random) -> Damaged:
    """A .gz or .ghg that is cut, or of which bytes are flipped."""
    assert format.pack
    made = Draft(format, good_items(dice)).finish()
    packed = bytearray(format.pack(made.content))
    if dice.random() < 0.5:
        del packed[dice.randrange(len(packed)) :]
    else:
        packed[dice.randrange(len(packed))] ^= 1 << dice.randrange(8)
    made.content = bytes(packed)
    made.name += "" if made.name.endswith(".ghg") else ".gz"
    return made


def _encoding(format: Format, dice: random.Random) -> Damaged:
    """Other encodings and line ends: not damaged at all, for who reads them right."""
    made = Draft(format, good_items(dice)).finish()
    text = made.content.decode()
    kind = dice.randrange(7)
    if kind in (0, 1, 2):
        text = text.replace("spare", "sp\xe4re")
    if kind == 3:
        text = text.replace("\r\n", "\n") if "\r\n" in text else text.replace("\n", "\r\n")
    if kind == 4:
        text = text.rstrip("\r\n")
        made.whole.discard(max(made.whole))
    if kind == 5:
        lines = text.splitlines(keepends=True)
        at = dice.randrange(len(lines) - 20, len(lines))
        text = "".join([*lines[:at], "\n" * dice.randrange(1, 4), *lines[at:]])
    encodings = ("cp1252", "utf-8", "utf-8-sig", "utf-8", "utf-8", "utf-8", dice.choice(("utf-16-le", "utf-16-be")))
    made.content = ("\ufeff" + text if kind == 6 else text).encode(encodings[kind])
    return made


Damage = Callable[[Format, random.Random], Damaged]
DAMAGES: dict[str, Damage] = {
    "NULs in the head": _nuls("head"),
    "NULs in the middle": _nuls("middle"),
    "NULs in the tail": _nuls("tail"),
    "cut tail": _cut("tail"),
    "cut head": _cut("head"),
    "bytes lost": _cut("middle"),
    "foreign bytes": _foreign_bytes,
    "flipped bytes": _flipped,
    "packed file damaged": _packed_file,
    "header again": _header_again,
    "header of other order": _other_header,
    "header lacks a column": _header_lacks,
    "clock set back": _clock(lambda dice: -dice.randrange(1, 20 * SECOND)),
    "clock set back far": _clock(lambda dice: -dice.choice((3600, 86_400, 700_000)) * SECOND),
    "clock set forward": _clock(lambda dice: dice.choice((1, 30, 100, 3600, 700_000)) * SECOND),
    "clock of 1990": _clock_1990,
    "stamps astray": _stray_stamp,
    "swapped blocks": _swapped_blocks,
    "repeated block": _repeated_block,
    "records missing": _gap,
    "encoding": _encoding,
}
"""Kind of damage -> what makes such a file."""
_NEED_STAMPS = {
    *("bytes lost", "cut head", "clock set back", "clock set back far", "clock set forward", "clock of 1990"),
    *("stamps astray", "swapped blocks", "repeated block", "records missing"),
}
"""What leaves no trace where records have no stamps, because only their number says when they are."""


def applies(damage: str, format: Format) -> bool:
    """Tell whether files of a format can have a kind of damage, and show it."""
    if damage in _NEED_STAMPS:
        return format.stamped
    if damage == "packed file damaged":
        return format.pack is not None
    return format.text or damage != "encoding"


def all_kinds(without: Collection[tuple[str, str]] = ()) -> list[tuple[str, str]]:
    """Return all pairs of damage and format, but for some."""
    return [
        (damage, name)
        for damage in DAMAGES
        for name, format in FORMATS.items()
        if applies(damage, format) and (damage, name) not in without
    ]


def make_file(damage: str, name: str, dice: random.Random) -> Damaged:
    """Return a damaged file of a format; a .ghg is packed behind the damage."""
    format = FORMATS[name]
    made = DAMAGES[damage](format, dice)
    if name == "ghg" and damage != "packed file damaged":
        made.content = zipped(made.content)
    return made
