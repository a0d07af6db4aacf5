"""Progress of pieces of work within a whole."""

from __future__ import annotations

from core.progress import part_of


def test_pieces_add_up_to_the_whole() -> None:
    seen: list[tuple[str, float, float]] = []

    def report(what: str, done: float, total: float, /) -> None:
        seen.append((what, done, total))

    for number in range(2):
        piece = part_of(report, number, 2)
        piece("files", 1, 4)
        part_of(piece, 3, 4)("bytes", 10, 10)
    assert seen == [("files", 0.25, 2), ("bytes", 1, 2), ("files", 1.25, 2), ("bytes", 2, 2)]
