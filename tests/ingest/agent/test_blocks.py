"""Blocks by time stamp: the same records give the same blocks as a replay of the file does."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.station import Station
from ingest.agent import files
from ingest.agent.blocks import Piece, SentTimes
from ingest.agent.files import FolderFollower
from ingest.files import toa5
from ingest.simulation import replay
from tests.ingest.agent.making import source


@pytest.fixture
def pieces(demo: Path, orchard: Station, tmp_path: Path) -> list[Piece]:
    """The recorded orchard, followed."""
    for path in sorted((demo / "data").glob("*.gz")):
        (tmp_path / path.name.removesuffix(".gz")).write_bytes(gzip.decompress(path.read_bytes()))
    stream = orchard.streams["ec"]
    one = source(
        tmp_path,
        rate=20,
        seconds=10,
        pattern="*",
        channels=tuple(stream.channel_index),
        utc_offset=orchard.station.utc_offset,
    )
    follower = FolderFollower(one, SentTimes(), lambda _: None)
    return list(_all(follower))


def _all(follower: FolderFollower) -> Iterator[Piece]:
    more = True
    while more:
        made, more = follower.poll()
        yield from made
    yield from follower.finish()


def test_a_followed_file_equals_its_replay(pieces: list[Piece], demo: Path, orchard: Station) -> None:
    replayed = [
        block
        for path in sorted((demo / "data").glob("*.gz"))
        for block in replay.blocks(toa5.read(path), orchard, "ec")
    ]
    pieces = sorted((piece for piece in pieces if piece.n), key=lambda piece: piece.start_ns)
    wanted, got = {}, {}
    for block in replayed:
        for i in range(block.samples.shape[1]):
            if not np.isnan(block.samples[:, i]).all():
                wanted[block.start_ns + i * block.dt_ns] = block.samples[:, i].tobytes()
    for piece in pieces:
        for i in range(piece.n):
            if not np.isnan(piece.samples[:, i]).all():
                got[piece.start_ns + i * piece.dt_ns] = piece.samples[:, i].tobytes()
    assert len(wanted) == 36_000
    assert got == wanted
    whole = {block.start_ns for block in replayed}
    assert sum(piece.start_ns in whole for piece in pieces) > 0.95 * len(pieces)
    assert files.READ_BYTES < 1 << 20
