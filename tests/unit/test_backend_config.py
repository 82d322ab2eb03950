"""Settings: defaults, spellings of the database's URL, and the example file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from backend.config import Settings, with_driver, without_driver


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name, raising=False)


def _settings(**values: str) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[arg-type]


def test_defaults() -> None:
    settings = _settings()
    assert "localhost" in settings.DATABASE_URL
    assert "asyncpg" in settings.DATABASE_URL
    assert settings.DEBUG is False
    assert settings.APP_TITLE == "Quality Compass API"
    assert settings.APP_VERSION == "0.1.0"
    assert settings.RUNS_ROOT == "/data/runs"
    assert settings.INSIGHT_GRAPH_RUN == "_unset"
    assert "DATABASE_URL" not in settings.model_fields_set


def test_environment_wins_and_unknown_names_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://u@h/d")
    monkeypatch.setenv("READ_DATABASE_URL", "")
    monkeypatch.setenv("SOME_OTHER_VARIABLE", "x")
    settings = _settings()
    assert settings.DATABASE_URL == "postgresql+asyncpg://u@h/d"
    assert "DATABASE_URL" in settings.model_fields_set
    assert settings.READ_DATABASE_URL is None


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_spellings_of_the_url_mean_the_same(scheme: str) -> None:
    rest = "user:p%40ss@host:5433/db?host=/tmp/socket&sslmode=disable"
    assert with_driver(f"{scheme}://{rest}") == f"postgresql+asyncpg://{rest}"
    assert without_driver(f"{scheme}://{rest}") == f"postgresql://{rest}"


@pytest.mark.parametrize(
    "url", ["mysql://u:secret@h/d", "secret", "sqlite:///secret", "postgresql+psycopg://secret"]
)
def test_other_databases_are_refused_without_repeating_the_url(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        _settings(DATABASE_URL=url)
    assert "postgresql+asyncpg://" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_origins_are_trimmed() -> None:
    assert _settings(CORS_ORIGINS=" http://a , ,http://b:1 ").cors_origins == ["http://a", "http://b:1"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("DATABASE_POOL_SIZE", "0"), ("LOG_FORMAT", "xml"), ("DATABASE_STATEMENT_TIMEOUT", "-1")],
)
def test_values_out_of_range_are_named(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=name):
        _settings(**{name: value})


def test_a_file_that_holds_something_is_not_written_over(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    file.write_text("what somebody keeps")
    with pytest.raises(ValidationError, match="WRITES_FILE"):
        _settings(WRITES_FILE=str(file))
    assert file.read_text() == "what somebody keeps"
    file.write_bytes(b"")
    assert file == _settings(WRITES_FILE=str(file)).WRITES_FILE


def test_the_example_file_lists_every_setting_with_its_default(repository: Path, tmp_path: Path) -> None:
    text = (repository / ".env.example").read_text()
    listed = dict(re.findall(r"^#([A-Z_]+)=(.*)$", text, re.MULTILINE))
    assert set(Settings.model_fields) <= set(listed)
    example = tmp_path / ".env"
    example.write_text(re.sub(r"^#([A-Z_]+=)", r"\1", text, flags=re.MULTILINE))
    assert Settings(_env_file=example).model_dump() == _settings().model_dump()  # type: ignore[call-arg]
