"""A follower of a folder in tests, which can be killed and started again."""

from __future__ import annotations

from pathlib import Path

from ingest.agent.blocks import Piece, SentTimes
from ingest.agent.file_position import FilePosition
from ingest.agent.files import FolderFollower
from tests.ingest.agent.making import samples_in, source


class Station:
    """A follower that can be killed and started again; positions and sent times outlive it, as in the spool."""

    def __init__(self, folder: Path, **more: object) -> None:
        self.folder = folder
        self.source = source(folder, **more)  # type: ignore[arg-type]
        self.positions: dict[str, FilePosition] = {}
        self.kept: list[Piece] = []
        self.start()

    def start(self) -> None:
        sent = SentTimes()
        for piece in self.kept:
            if piece.n:
                sent.add(piece.start_ns, piece.end_ns)
        self.follower = FolderFollower(self.source, sent, self.positions.get)

    def poll(self, *, has_room: bool = True) -> None:
        more = True
        while more:
            pieces, more = self.follower.poll(has_room=has_room)
            self.keep(pieces)

    def keep(self, pieces: list[Piece]) -> None:
        self.kept += pieces
        for piece in pieces:
            if piece.position is not None:
                self.positions[piece.position.file] = piece.position

    def finish(self) -> dict[int, tuple[float, ...]]:
        self.poll()
        self.keep(self.follower.finish())
        return samples_in(self.kept)

    @property
    def found(self) -> dict[int, tuple[float, ...]]:
        return samples_in(self.kept)


def append(path: Path, text: bytes) -> None:
    with path.open("ab") as file:
        file.write(text)
