"""How long work says how far it is: one protocol, for a bar on a terminal, a line in a log or a page."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Is told how far a piece of work is; may raise to stop it."""

    def __call__(self, what: str, done: float, total: float, /) -> None:
        """Report progress.

        Parameters
        ----------
        what : str
            What is being done, in words to show.
        done, total : float
            How much of it is done, and how much there is: half-hours, files, steps.
        """


def no_progress(what: str, done: float, total: float, /) -> None:
    """Show nothing."""


def part_of(progress: Progress, number: int, count: int) -> Progress:
    """Return the progress of one of several pieces of work that count alike.

    Parameters
    ----------
    progress : Progress
        Of them all; its total is ``count``.
    number : int
        Which piece, from 0.
    count : int
        How many pieces there are.
    """

    def report(what: str, done: float, total: float, /) -> None:
        progress(what, number + done / total, count)

    return report
