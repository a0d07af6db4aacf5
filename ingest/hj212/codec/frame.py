r"""The frame: ``##``, length of the data segment (4 decimal digits), data segment, CRC (4 hex digits), CR LF."""

from __future__ import annotations

from core.errors import PayloadError

MAX_SEGMENT = 9999
"""Longest data segment that four digits can tell. [bytes]"""
HEAD, TAIL = 6, 4
"""Bytes before the data segment, and of the CRC behind it."""
MAX_FRAME = HEAD + MAX_SEGMENT + TAIL
MARK = b"##"


def _table() -> tuple[int, ...]:
    values = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
        values.append(value)
    return tuple(values)


_STEPS = _table()


def crc(segment: bytes) -> int:
    """Return the CRC of a data segment: HJ 212's own, which drops the register's low byte before each step."""
    register = 0xFFFF
    for byte in segment:
        register = _STEPS[(register >> 8) ^ byte]
    return register


def build_frame(segment: bytes) -> bytes:
    """Return the frame of a data segment.

    Raises
    ------
    ValueError
        It is longer than a frame can say.
    """
    if len(segment) > MAX_SEGMENT:
        raise ValueError(f"a data segment of {len(segment)} bytes: expected at most {MAX_SEGMENT}")
    return b"##%04d%b%04X\r\n" % (len(segment), segment, crc(segment))


def parse_frame(frame: bytes) -> bytes:
    """Return the data segment of a whole frame; line ends around it mean nothing, hex digits have any case.

    Raises
    ------
    PayloadError
        It is no frame, or length or CRC are wrong: names what the frame says and what it has.
    """
    frame = frame.strip(b"\r\n")
    if len(frame) > MAX_FRAME:
        raise PayloadError(f"a frame of {len(frame)} bytes: expected at most {MAX_FRAME}")
    if frame[:2] != MARK:
        raise PayloadError(f"no frame of HJ 212: expected ## at its beginning, got {ascii(frame[:2])[1:]}", offset=0)
    stated = frame[2:HEAD]
    if len(stated) < HEAD - 2 or not stated.isdigit():
        raise PayloadError(f"length: expected 4 decimal digits behind ##, got {ascii(stated)[1:]}", offset=2)
    segment, told = frame[HEAD:-TAIL], frame[-TAIL:]
    if len(frame) < HEAD + TAIL or int(stated) != len(segment):
        has = max(0, len(frame) - HEAD - TAIL)
        raise PayloadError(
            f"length: the frame says {stated.decode()}, its data segment has {has} bytes: it was cut, or its sender "
            "counts a character of two bytes as one",
            offset=2,
        )
    computed = b"%04X" % crc(segment)
    if told.upper() != computed:
        shown = ascii(told)[1:]
        raise PayloadError(f"CRC: the frame says {shown}, its data segment has {computed.decode()!r}", offset=HEAD)
    return segment


def stated_length(data: bytes) -> int:
    """Return the length of the frame with which bytes begin, as it says itself; 0 if none begins there."""
    digits = data[2:HEAD]
    if not (data.startswith(MARK) and len(digits) == HEAD - 2 and digits.isdigit()):
        return 0
    return HEAD + int(digits) + TAIL


def is_right(frame: bytes) -> bool:
    """Whether the CRC of a frame of the stated length is right."""
    return frame[-TAIL:].upper() == b"%04X" % crc(frame[HEAD:-TAIL])
