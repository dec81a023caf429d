"""Settings come from the environment and a `.env` file, and nothing can change them afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from extremeearth.core.settings import Settings


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `.env` of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)


def test_the_defaults_are_one_process_on_loopback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    settings = Settings()
    assert settings.host == "127.0.0.1"
    assert settings.home == tmp_path / "extremeearth"
    assert settings.database_url == f"sqlite:///{tmp_path}/extremeearth/extremeearth.sqlite"
    assert settings.objects_url == (tmp_path / "extremeearth" / "objects").as_uri()
    assert settings.workers >= 1
    assert settings.allow_hosts == ()


def test_without_xdg_the_data_lie_in_the_home_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Settings().home == tmp_path / ".local" / "share" / "extremeearth"


def test_the_environment_wins_over_the_file_and_an_argument_over_both(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("EXTREMEEARTH_PORT=1111\nEXTREMEEARTH_HOST=::1\nOTHER=x\n")
    assert (Settings().port, Settings().host) == (1111, "::1")
    monkeypatch.setenv("EXTREMEEARTH_PORT", "2222")
    assert Settings().port == 2222
    assert Settings(port=3333).port == 3333


def test_urls_choose_the_back_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXTREMEEARTH_DATABASE", "postgresql+psycopg://ee@db/ee")
    monkeypatch.setenv("EXTREMEEARTH_OBJECTS", "s3://bucket/prefix")
    settings = Settings()
    assert settings.database_url == "postgresql+psycopg://ee@db/ee"
    assert settings.objects_url == "s3://bucket/prefix"


def test_lists_are_read_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXTREMEEARTH_ALLOW_HOSTS", '["localhost:8000", "db"]')
    assert Settings().allow_hosts == ("localhost:8000", "db")


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "-1"), ("PORT", "65536"), ("PORT", "http"), ("WORKERS", "0"), ("QUERY_TIMEOUT_S", "0"),
     ("QUERY_ROW_LIMIT", "0"), ("REQUEST_LIMIT_BYTES", "10")],
)  # fmt: skip
def test_nonsense_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"EXTREMEEARTH_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1  # type: ignore[misc]  # the point of the test


def test_secrets_stay_out_of_the_text_of_the_settings() -> None:
    settings = Settings(s3_access_key="hidden-a", s3_secret_key="hidden-b")
    assert "hidden" not in repr(settings)
    assert "hidden" not in str(settings)


def test_every_setting_says_what_it_does() -> None:
    undescribed = [name for name, field in Settings.model_fields.items() if not field.description]
    assert undescribed == []
