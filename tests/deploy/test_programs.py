"""Programs that a setting switches on."""

from __future__ import annotations

import pytest

from core.errors import SetupError
from core.settings import Settings
from deploy.group import up
from deploy.group.programs import SWITCHED, list_programs

OURS = Settings(dsn="postgresql://elsewhere/db", broker="mqtt://elsewhere")


def names(**switches: bool) -> list[str]:
    return [program.name for program in list_programs(OURS.model_copy(update=switches), None)]


def test_a_program_runs_where_its_setting_says_so() -> None:
    assert names() == ["collector", "judge", "worker", "keep", "api"]
    assert names(hj212_listen=True) == [*names(), "hj212-listen"]
    assert names(hj212_listen=True, hj212_forward=True) == [*names(), *SWITCHED]


def test_one_that_is_switched_off_is_not_started_in_silence() -> None:
    with pytest.raises(SetupError, match=r"hj212-forward is switched off\n  remedy: set FLUXTOWER_HJ212_FORWARD=true"):
        up(OURS, ["hj212-forward"])
