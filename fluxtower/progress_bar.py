"""The progress bar of the commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)


class ProgressBar:
    """Shows how far a piece of work is; a ``core.progress.Progress``."""

    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar, self._task = bar, task

    def __call__(self, what: str, done: float, total: float, /) -> None:
        """Show what is being done, how much of it is done, and how much there is."""
        self._bar.update(self._task, description=what, completed=done, total=total)

    def set_note(self, note: str) -> None:
        """Show words behind the bar."""
        self._bar.update(self._task, note=note)


@contextmanager
def progress_bar(what: str, *, percent: bool = False, transient: bool = False) -> Iterator[ProgressBar]:
    """Show a bar for the time of a block.

    Parameters
    ----------
    what : str
        What is done first.
    percent : bool
        Show per cent, for work that is not counted in whole pieces.
    transient : bool
        Show it on stderr, only on a terminal, and take it away at the end; otherwise it stays on stdout.
    """
    console = Console(stderr=True) if transient else None
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn() if percent else MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    is_hidden = console is not None and not console.is_terminal
    with Progress(*columns, console=console, transient=transient, disable=is_hidden) as bar:
        yield ProgressBar(bar, bar.add_task(what, total=None, note=""))
