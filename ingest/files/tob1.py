"""TOB1, Campbell Scientific's binary table: a header, then records, each with its time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.clock import NS
from core.errors import PayloadError
from ingest.files.campbell import EPOCH_NS, Header
from ingest.files.records import FILLER, LeftOut

Int64Array = NDArray[np.int64]
WHOLE = ("ULONG", "LONG", "UINT4", "INT4")
"""Types of whole seconds and nanoseconds; the CR5000 writes the latter two."""
LOOKAHEAD = 3
"""Records that must follow each other in time where reading goes on behind damage."""
MAX_COUNT = 5
"""Most by which the number of a record is higher than that of the one before."""
NO_RECORDS = "bytes that are no records: is the file damaged there?"
FIRST_RECORDS = 1000
"""Records from which is learnt how they follow each other."""
PIECE_BYTES = 1 << 22
"""Bytes read at once."""


def check(header: Header, file: str) -> None:
    """Refuse a table whose records have no time.

    Raises
    ------
    PayloadError
        There are no columns ``SECONDS`` and ``NANOSECONDS``.
    """
    for name in ("SECONDS", "NANOSECONDS"):
        if name not in header.names or header.types[header.names.index(name)] not in WHOLE:
            raise PayloadError(
                f"{file}: line 2: no column {name} of a whole number ({', '.join(WHOLE)}), so records have no times: "
                "convert the file to TOB1 with stamps"
            )


def ends(source: BinaryIO, header: Header, size: int) -> tuple[int, int] | None:
    """Return the first and the last stamp of a file that can be sought in; None without a record.

    Parameters
    ----------
    source : file
        Anywhere.
    size : int
        Of the whole file. [bytes]

    Returns
    -------
    first, last : int
        In the logger's time. [ns since 1970]
    """
    width = header.record.itemsize
    count = (size - header.length) // width
    if count < 1:
        return None
    stamps = []
    for number in (0, count - 1):
        source.seek(header.length + number * width)
        stamps.append(int(_stamps(np.frombuffer(source.read(width), header.record), header)[0]))
    return stamps[0], stamps[1]


@dataclass(frozen=True, slots=True)
class _Sequence:
    """How the records of a file follow each other.

    Attributes
    ----------
    header : Header
        Of the file.
    far_ns : int
        A step further than this, or back by more, is out of the ordinary. [ns]
    link_ns : int
        A record that follows another comes within this. [ns]
    counted : bool
        Whether record numbers count up, too.
    usual_ns : int or None
        A stamp from amid the records, in the logger's time; None where none is known. [ns since 1970]
    """

    header: Header
    far_ns: int
    link_ns: int
    counted: bool
    usual_ns: int | None = None

    def links(self, stamps: Int64Array, numbers: Int64Array | None) -> NDArray[np.bool_]:
        """Tell of each record but the last whether the next one is what a logger would write behind it."""
        steps = np.diff(stamps)
        linked: NDArray[np.bool_] = (steps > 0) & (steps <= self.link_ns)
        if numbers is not None:
            counts = np.diff(numbers)
            linked &= (counts > 0) & (counts <= MAX_COUNT)
        return linked

    def numbers(self, records: NDArray[np.void]) -> Int64Array | None:
        """Return the numbers of records; None where they do not count up."""
        return records[_field(self.header, "RECORD")].astype(np.int64) if self.counted else None


def _learn(records: NDArray[np.void], header: Header, dt_ns: int) -> _Sequence:
    """Find out from a file's records, up to where the time first jumps, how they follow each other."""
    sequence = _by_declaration(header, dt_ns)
    steps = np.diff(_stamps(records, header))
    jumps = np.flatnonzero(np.abs(steps) > sequence.far_ns)
    steps = steps[: jumps[0] if jumps.size else steps.size]
    forward = steps[steps > 0]
    usual = max(dt_ns, int(np.median(forward))) if forward.size else dt_ns
    counted = sequence.counted
    if counted:
        counts = np.diff(records[_field(header, "RECORD")][: steps.size + 1].astype(np.int64))
        counted = 2 * int(np.count_nonzero((counts > 0) & (counts <= MAX_COUNT))) > steps.size
    return replace(sequence, link_ns=5 * usual // 2, counted=counted)


def _by_declaration(header: Header, dt_ns: int) -> _Sequence:
    """Return how records follow each other if they come as fast as is declared, and are numbered if they have one."""
    counted = "RECORD" in header.names and header.types[header.names.index("RECORD")] in WHOLE
    return _Sequence(header, max(86_400 * NS, 100 * dt_ns), 5 * dt_ns // 2, counted)


def _find_start(data: bytes, header: Header, dt_ns: int) -> int:
    """Return where the first record begins: behind some bytes if the ones before it were lost."""
    start = data[: (2 * LOOKAHEAD + 1) * header.record.itemsize]
    found = _next_record(b"\0" + start, _by_declaration(header, dt_ns)) - 1
    return found if found > 0 and found % header.record.itemsize else 0


def pieces(
    source: BinaryIO, header: Header, dt_ns: int, damage: list[LeftOut]
) -> Iterator[tuple[Int64Array, NDArray[np.void], int]]:
    """Yield (stamps in the logger's time [ns since 1970], records, number of the first one from 1).

    Where bytes are missing or foreign, so that what stands there is no record, reading goes on at the next place where
    records follow each other again. A last record that is not whole is one that the logger had not finished, and is
    left out.

    Parameters
    ----------
    source : file
        Can be sought in.
    header : Header
        Of the file.
    dt_ns : int
        Declared time between records. [ns]
    damage : list of LeftOut
        Takes what was passed over.
    """
    source.seek(header.length)
    width = header.record.itemsize
    number, passed, data, ended = 1, 0, b"", False
    previous: int | None = None
    sequence: _Sequence | None = None
    while not ended:
        piece = source.read(PIECE_BYTES)
        ended, data, at = not piece, data + piece, 0
        if sequence is None:
            at = _find_start(data, header, dt_ns)
            passed += at
        ahead = 0 if ended else LOOKAHEAD
        while (count := (len(data) - at) // width - ahead) > 0:
            records = np.frombuffer(data, header.record, count + ahead, at)
            sequence = sequence or _learn(records[:FIRST_RECORDS], header, dt_ns)
            stamps = _stamps(records, header)
            rest = data[at + records.nbytes :] if ended else None
            bad = _find_damage(records, stamps, sequence, previous, rest, amid=passed > 0)
            # the record before may have lost its end: its stamp is right, its values are not
            damaged = bool(bad[: count + 1].any())
            whole = max(0, int(bad.argmax()) - 1) if damaged else count
            if whole:
                if sequence.usual_ns is None:
                    sequence = replace(sequence, usual_ns=int(np.median(stamps[:whole])))
                if passed:
                    damage.append(LeftOut(NO_RECORDS, number, bytes=passed))
                    passed = 0
                yield stamps[:whole], records[:whole], number
                number, at, previous = number + whole, at + whole * width, int(stamps[whole - 1])
            if not damaged:
                break
            found = _next_record(data[at:], sequence)
            skipped = found or max(1, len(data) - at - (0 if ended else LOOKAHEAD * width))
            passed, at = passed + skipped, at + skipped
        data = data[at:]
    if passed:
        damage.append(LeftOut(NO_RECORDS, number, bytes=passed))
    if data:
        damage.append(LeftOut("the last record is not whole: the logger had not finished it", number, bytes=len(data)))


def _find_damage(
    records: NDArray[np.void],
    stamps: Int64Array,
    sequence: _Sequence,
    previous: int | None,
    rest: bytes | None,
    *,
    amid: bool,
) -> NDArray[np.bool_]:
    """Tell which records are damaged, or, of bytes that were lost, the first one that stands beside its place.

    Parameters
    ----------
    records, stamps
        One behind the other.
    sequence : _Sequence
        How they should follow.
    previous : int or None
        Stamp of the record before them. [ns since 1970]
    rest : bytes or None
        What stands behind them, too short for a record; None where the file goes on.
    amid : bool
        What stands before them is damaged.
    """
    header = sequence.header
    far = amid or (previous is not None and abs(int(stamps[0]) - previous) > sequence.far_ns)
    bad = _stand_alone(records, stamps, sequence, far=far, cut=bool(rest))
    bad[0] |= amid and stamps[0] == EPOCH_NS
    bad |= records[_field(header, "NANOSECONDS")] >= NS
    # NULs of a power cut that began within a record
    for i in np.flatnonzero(stamps[1:] == EPOCH_NS):
        bad[i + 1] |= not records[i].tobytes()[-1] and stamps[i] != EPOCH_NS
    if rest and not rest.strip(FILLER):
        # its last bytes may be such ones, too
        bad[-1] |= records[-1].tobytes()[-1] in FILLER
    elif rest and not _goes_on(rest, int(stamps[-1]), sequence):
        # bytes were lost in it
        return np.concatenate([bad, [True]])
    return bad


def _stand_alone(
    records: NDArray[np.void], stamps: Int64Array, sequence: _Sequence, *, far: bool, cut: bool
) -> NDArray[np.bool_]:
    """Tell which records are far in time from the one before and have none that follow: their bytes are shifted.

    ``far`` says so of the first one; behind ``cut`` ones a part of a record stands.
    """
    jumps = np.concatenate([[far], np.abs(np.diff(stamps)) > sequence.far_ns])
    if not jumps.any():
        return jumps
    empty = stamps == EPOCH_NS
    # room that the logger had kept is NULs: such records are known by their time
    linked = sequence.links(stamps, sequence.numbers(records)) | (empty[1:] & empty[:-1])
    followed = np.concatenate([linked[:-1] & linked[1:], linked[-1:], [not cut]])
    alone: NDArray[np.bool_] = jumps & ~followed
    return alone


def _goes_on(rest: bytes, last: int, sequence: _Sequence) -> bool:
    """Tell whether a record that is not whole begins as the one behind a stamp would, as far as one can tell."""
    header = sequence.header
    field = _field(header, "SECONDS")
    kind, offset = header.record.fields[field][:2] if header.record.fields else (np.dtype("<u4"), 0)
    part = rest[offset : offset + kind.itemsize]
    if len(part) == kind.itemsize:
        second = int(np.frombuffer(part, kind)[0])
        return abs(EPOCH_NS + second * NS - last) <= sequence.far_ns
    first = (last - EPOCH_NS) // NS
    followers = range(first, first + sequence.link_ns // NS + 2)
    return any(np.array(second).astype(kind).tobytes().startswith(part) for second in followers)


def _next_record(data: bytes, sequence: _Sequence) -> int:
    """Return behind how many bytes three records follow each other in time; 0 if nowhere."""
    header = sequence.header
    width = header.record.itemsize
    places = len(data) - LOOKAHEAD * width + 1
    if places < 2:
        return 0
    text = np.frombuffer(data, np.uint8)
    fields = {}
    for name in ("SECONDS", "NANOSECONDS", *(["RECORD"] if sequence.counted else [])):
        field = _field(header, name)
        kind, offset = header.record.fields[field][:2] if header.record.fields else (np.dtype("<u4"), 0)
        windows = np.lib.stride_tricks.sliding_window_view(text, 4)[offset:]
        fields[name] = np.ascontiguousarray(windows).view(kind)[:, 0].astype(np.int64)
    # a row each for what would be the first, second and third record at each place
    seconds, nanoseconds, *numbers = (
        np.array([one[i * width :][:places] for i in range(LOOKAHEAD)]) for one in fields.values()
    )
    times: Int64Array = seconds * NS + nanoseconds
    linked = sequence.links(times.T, numbers[0].T if numbers else None)
    good: NDArray[np.bool_] = np.logical_and.reduce([*(nanoseconds < NS), *linked.T])
    if sequence.usual_ns is not None:
        good &= np.abs(times[0] + EPOCH_NS - sequence.usual_ns) <= 366 * 86_400 * NS
    good[0] = False
    return int(good.argmax()) if good.any() else 0


def _field(header: Header, name: str) -> str:
    return f"f{header.names.index(name)}"


def _stamps(records: NDArray[np.void], header: Header) -> Int64Array:
    seconds, fraction = (records[_field(header, name)].astype(np.int64) for name in ("SECONDS", "NANOSECONDS"))
    stamps: Int64Array = EPOCH_NS + seconds * NS + fraction
    return stamps
