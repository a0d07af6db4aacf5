"""Opening raw files: plain, gzip, bzip2, xz, or a zip with one table in it (LI-COR's .ghg, ICOS' .zip).

Text that begins with a byte order mark is UTF-8 from here on: the mark is taken away, UTF-16 is recoded.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from core.errors import PayloadError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_UNPACKED = 1 << 34
"""Most bytes that a packed file is unpacked to; a year of ten channels at 20 Hz, as text, is four times that."""
TABLE_ENDINGS = (".data", ".csv", ".dat", ".txt")
"""Names of a zip's table end so, in any case; LI-COR's .ghg may have a slow one beside it, ``-biomet.data``."""
_UTF16_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_RECODED_BYTES = 1 << 20
# what the libraries raise of damaged files; a zip's names may be no UTF-8
_FAULTS = (
    *(OSError, EOFError, RuntimeError, NotImplementedError, UnicodeDecodeError),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile),
)


@dataclass(frozen=True, slots=True)
class Opened:
    """An open file.

    Attributes
    ----------
    stream : file
        Its content, unpacked.
    size : int or None
        Bytes, where it can be sought in; None for a packed one.
    """

    stream: BinaryIO
    size: int | None


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """Open a file; whatever goes wrong in reading it, also later, is a PayloadError.

    Raises
    ------
    PayloadError
        It cannot be read; names the file.
    """
    try:
        with path.open("rb") as plain:
            start = plain.peek(6)[:6]
            if start[:2] == b"\x1f\x8b":
                with gzip.open(plain) as unpacked:
                    yield _without_mark(cast(io.BufferedReader, unpacked), None)
            elif start[:3] == b"BZh":
                with bz2.open(plain) as unpacked:
                    yield _without_mark(cast(io.BufferedReader, unpacked), None)
            elif start == b"\xfd7zXZ\x00":
                with lzma.open(plain) as unpacked:
                    yield _without_mark(cast(io.BufferedReader, unpacked), None)
            elif start[:4] == b"PK\x03\x04":
                with zipfile.ZipFile(plain) as archive, archive.open(_table(archive, path.name)) as member:
                    yield _without_mark(cast(io.BufferedReader, member), None)
            else:
                yield _without_mark(plain, path.stat().st_size)
    except _FAULTS as error:
        # what the library says may hold bytes of the file
        raise PayloadError(f"{path.name}: it cannot be read: {str(error)[:200]}: fetch it anew") from None


@contextmanager
def seekable(source: Opened, file: str) -> Iterator[tuple[BinaryIO, int]]:
    """Yield the content as a file that can be sought in, and its size; a packed one goes through a temporary file.

    Raises
    ------
    PayloadError
        More than ``MAX_UNPACKED`` bytes come out of it.
    """
    if source.size is not None:
        yield source.stream, source.size
        return
    with tempfile.TemporaryFile() as copy:
        size = 0
        while piece := source.stream.read(1 << 22):
            size += copy.write(piece)
            if size > MAX_UNPACKED:
                raise PayloadError(f"{file}: more than {MAX_UNPACKED} bytes unpacked: split it")
        copy.seek(0)
        yield cast(BinaryIO, copy), size


def _without_mark(source: io.BufferedReader, size: int | None) -> Opened:
    """Pass over a byte order mark; what it says to be UTF-16 comes out as UTF-8."""
    start = source.peek(3)[:3]
    if start == codecs.BOM_UTF8:
        source.read(3)
    elif start[:2] in _UTF16_MARKS:
        source.read(2)
        return Opened(cast(BinaryIO, io.BufferedReader(_Recoded(source, _UTF16_MARKS[start[:2]]))), None)
    return Opened(cast(BinaryIO, source), size)


class _Recoded(io.RawIOBase):
    """Text of another encoding as UTF-8; what is no character there becomes U+FFFD, which is no number."""

    def __init__(self, source: io.BufferedReader, encoding: str) -> None:
        self._source = source
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._rest = b""
        self._over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        room = memoryview(buffer).cast("B")
        while not self._rest and not self._over:
            piece = self._source.read(_RECODED_BYTES)
            self._over = not piece
            self._rest = self._decoder.decode(piece, final=self._over).encode("utf-8", "replace")
        taken = min(len(room), len(self._rest))
        room[:taken] = self._rest[:taken]
        self._rest = self._rest[taken:]
        return taken


def _table(archive: zipfile.ZipFile, file: str) -> str:
    """Return the name of the table in a zip; what a Mac or another program put beside it is none."""
    names = [name for name in archive.namelist() if _is_table(name)]
    if len(names) != 1:
        raise PayloadError(
            f"{file}: expected one table ({', '.join(TABLE_ENDINGS)}) in the zip, found {len(names)}: unpack it, and "
            "give its tables one by one"
        )
    return names[0]


def _is_table(name: str) -> bool:
    *folders, last = name.lower().split("/")
    hidden = "__macosx" in folders or last.startswith(".")
    return last.endswith(TABLE_ENDINGS) and not last.endswith("-biomet.data") and not hidden
