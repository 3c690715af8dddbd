"""What the environment says about the databases: one variable decides, and its password is told to nobody."""

import pytest
from pydantic import ValidationError

from app.settings import Settings

URL = "postgresql://causeway:a-secret@db.example.test:5432/causeway"


def test_without_a_database_url_one_process_has_two_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUSEWAY_DATABASE_URL", "")
    monkeypatch.setenv("CAUSEWAY_DATA", "/var/lib/causeway")
    settings = Settings()

    assert settings.is_shared is False
    assert settings.database_url == "sqlite:////var/lib/causeway/causeway.sqlite"
    assert settings.engine_url == "sqlite:////var/lib/causeway/engine.sqlite"


def test_a_database_url_is_for_our_tables_and_the_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUSEWAY_DATABASE_URL", URL)
    settings = Settings()

    assert settings.is_shared is True
    assert settings.database_url == URL.replace("postgresql://", "postgresql+psycopg://")
    assert settings.engine_url == settings.database_url


def test_settings_that_are_printed_show_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUSEWAY_DATABASE_URL", URL)

    assert "a-secret" not in f"{Settings()!r} {Settings()} {Settings().model_dump()} {Settings().model_dump_json()}"


def test_another_kind_of_database_is_refused_without_repeating_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUSEWAY_DATABASE_URL", URL.replace("postgresql", "mysql"))

    with pytest.raises(ValidationError, match="it must begin with postgresql://") as caught:
        Settings()

    assert "CAUSEWAY_DATABASE_URL" in str(caught.value)
    assert "a-secret" not in str(caught.value)
