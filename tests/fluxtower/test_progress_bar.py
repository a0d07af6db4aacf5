"""The progress bar shows how far the work is, and nothing where nobody looks."""

from __future__ import annotations

import pytest

from fluxtower.progress_bar import progress_bar


@pytest.mark.parametrize(("percent", "share"), [(False, "3/4"), (True, "75%")])
def test_a_lasting_bar_stays_on_stdout(percent: bool, share: str, capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("reading", percent=percent) as progress:
        progress("fitting planes", 3, 4)
        progress.set_note("7 messages")
    printed = capsys.readouterr()
    assert printed.err == ""
    for words in ("fitting planes", share, "7 messages"):
        assert words in printed.out
    assert "reading" not in printed.out


def test_a_transient_bar_shows_nothing_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("reading", transient=True) as progress:
        progress("half-hours", 3, 4)
    assert capsys.readouterr() == ("", "")
