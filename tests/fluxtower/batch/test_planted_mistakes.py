"""Half-hourly tables with planted mistakes: the values used are the true ones, or what is wrong is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.made_up_tables import MAKERS, make_site
from benchmarks.planted_mistakes import MISTAKES
from benchmarks.tables import CLEAN, CRASHED, FALSE, SILENT, try_table


@pytest.mark.parametrize("kind", list(MISTAKES))
def test_what_was_planted_is_told_or_the_values_are_right(kind: str, tmp_path: Path) -> None:
    makers = list(MAKERS)
    for number, mistake in enumerate(MISTAKES[kind]):
        # the first maker whose table has got what the mistake needs
        turn = makers[number % len(makers) :] + makers[: number % len(makers)]
        tried = (try_table(f"{kind} {number}", maker, kind, mistake, tmp_path) for maker in turn)
        result = next(one for one in tried if one is not None)
        assert result.outcome not in (SILENT, CRASHED), result


@pytest.mark.parametrize("maker", list(MAKERS))
def test_of_a_table_without_mistake_all_is_used_and_nothing_told(maker: str, tmp_path: Path) -> None:
    for number in range(2):
        result = try_table(f"clean {number}", maker, CLEAN, CLEAN, tmp_path)
        assert result is not None
        assert result.outcome not in (FALSE, SILENT, CRASHED), result


def test_a_wrong_value_that_is_not_told_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The benchmark sees what slips through: without the step that tells it, a turned sign is silent."""
    import benchmarks.tables as under_test
    from fluxcalc.season.cross_checks import cross_check

    steps = tuple(one for one in under_test.SEASON_STEPS if one[1] is not cross_check)
    monkeypatch.setattr(under_test, "SEASON_STEPS", steps)
    result = try_table("turned", "FLUXNET", "sign", "G turned", tmp_path)
    assert result is not None
    assert result.outcome == SILENT
    assert result.words.startswith("G: ")


def test_the_made_up_sites_are_what_they_say() -> None:
    """The sun stands highest at 12 h solar time; the deficit is none in saturated air."""
    site = make_site("noon", "temperate forest")
    light = site.true["SW_IN"]
    hours = np.array([start.hour + start.minute / 60 + site.minutes / 120 for start in site.starts])
    centre = float((hours * light).sum() / light.sum())
    assert centre == pytest.approx(12 - site.longitude / 15 + site.utc_offset, abs=0.5)
    assert (site.true["VPD"] > 0).all()
