"""Settings: documented, checked, read from the environment."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from core.errors import ConfigError
from core.settings import Settings, read_settings


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_a_bad_value_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUXTOWER_API_PORT", "80")
    with pytest.raises(ConfigError, match=r"environment: FLUXTOWER_API_PORT: expected .*1024, got '80'"):
        read_settings()


@pytest.mark.parametrize("days", ["0.1", "-1", "nan", "inf", "1e9"])
def test_an_age_is_never_or_long_enough(monkeypatch: pytest.MonkeyPatch, days: str) -> None:
    monkeypatch.setenv("FLUXTOWER_COMPACT_DAYS", days)
    with pytest.raises(ConfigError, match=r"FLUXTOWER_COMPACT_DAYS: expected 0 \(never\), or 0.25"):
        read_settings()
    monkeypatch.setenv("FLUXTOWER_COMPACT_DAYS", "0")
    assert read_settings().compact_days == 0


def test_a_secret_is_made_once_and_is_for_the_owner_only(tmp_path: Path) -> None:
    settings = Settings(var=tmp_path, _env_prefix="NOTHING_")
    secret = settings.secret("database")
    assert len(secret) >= 32
    assert settings.secret("database") == secret
    assert stat.S_IMODE((tmp_path / "secrets" / "database").stat().st_mode) == 0o600
    assert secret in settings.store_dsn


def test_a_long_path_gets_a_short_folder_for_sockets(tmp_path: Path) -> None:
    settings = Settings(var=tmp_path / ("x" * 100))
    assert len(str(settings.run_dir)) < 80
    assert settings.run_dir != Settings(var=tmp_path / ("y" * 100)).run_dir
