"""Opening raw files: plain, gzip, or a zip with one table in it (LI-COR's .ghg, ICOS' .zip)."""

from __future__ import annotations

import gzip
import lzma
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from core.errors import PayloadError

MAX_UNPACKED = 1 << 34
"""Most bytes that a packed file is unpacked to; a year of ten channels at 20 Hz, as text, is four times that."""
TABLE_ENDINGS = (".data", ".csv", ".dat", ".txt")
"""Names of a zip's table end so; LI-COR's .ghg may have a slow one beside it, ``-biomet.data``."""
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
            start = plain.peek(4)[:4]
            if start[:2] == b"\x1f\x8b":
                with gzip.open(plain) as unpacked:
                    yield Opened(cast(BinaryIO, unpacked), None)
            elif start == b"PK\x03\x04":
                with zipfile.ZipFile(plain) as archive, archive.open(_table(archive, path.name)) as member:
                    yield Opened(cast(BinaryIO, member), None)
            else:
                yield Opened(plain, path.stat().st_size)
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


def _table(archive: zipfile.ZipFile, file: str) -> str:
    """Return the name of the table in a zip."""
    names = [name for name in archive.namelist() if name.endswith(TABLE_ENDINGS) and not name.endswith("-biomet.data")]
    if len(names) != 1:
        raise PayloadError(
            f"{file}: expected one table ({', '.join(TABLE_ENDINGS)}) in the zip, found {len(names)}: unpack it, and "
            "give its tables one by one"
        )
    return names[0]
