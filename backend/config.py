"""Settings, read from the environment or a ``.env`` file; ``.env.example`` lists them all."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DRIVER = "postgresql+asyncpg"
_SCHEMES = ("postgres", "postgresql", DRIVER)


class Settings(BaseSettings):
    """What can be set from outside. Variables that are not settings are ignored."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        # An empty line in a file of settings, or a variable that compose passes on unset, is not a value.
        env_ignore_empty=True,
        # Values may hold passwords.
        hide_input_in_errors=True,
    )

    DATABASE_URL: str = Field(
        default="postgresql+asyncpg://postgres:postgres@localhost:5432/quality_compass",
        description="Database; postgres://, postgresql:// and postgresql+asyncpg:// mean the same.",
    )
    READ_DATABASE_URL: str | None = Field(
        default=None, description="Replica that GET requests read from; default: DATABASE_URL."
    )
    DATABASE_POOL_SIZE: int = Field(
        default=10, ge=1, le=1000, description="Connections that each worker keeps open, per database."
    )
    DATABASE_MAX_OVERFLOW: int = Field(
        default=10, ge=0, le=1000, description="Connections above the pool size, closed after use."
    )
    DATABASE_STATEMENT_TIMEOUT: float = Field(
        default=30.0, ge=0, description="Seconds until a request's statement is cancelled; 0 = never."
    )
    DEBUG: bool = Field(default=False, description="Log every request and every SQL statement.")
    LOG_FORMAT: Literal["auto", "text", "json"] = Field(
        default="auto", description="Form of logs; auto is text on a terminal, json elsewhere."
    )
    APP_TITLE: str = Field(default="Quality Compass API", description="Title in the OpenAPI document.")
    APP_VERSION: str = Field(default="0.1.0", description="Version in the OpenAPI document and /health.")
    RUNS_ROOT: str = Field(default="/data/runs", description="Root folder of analytics runs.")
    INSIGHT_GRAPH_RUN: str = Field(
        default="_unset", description="<graph>/<run_id> of the active run, relative to RUNS_ROOT."
    )
    MODELING_RUN: str = Field(
        default="modeling/lightgbm_optauto/groupby=_global_group/group=all/estimator=lightgbm",
        description="Modeling run, relative to RUNS_ROOT.",
    )
    CORS_ORIGINS: str = Field(
        default=(
            "http://localhost:4200,http://127.0.0.1:4200,"
            "http://localhost,http://frontend,http://frontend:4200"
        ),
        description="Origins that browsers may call the API from, separated by commas.",
    )
    DBT_DOCS_URL: str = Field(default="http://localhost:8080", description="Base of documentation links.")
    DBT_PROJECT_PATH: str = Field(
        default="", description="Folder of the dbt project; empty = the repository's."
    )
    TAXONOMY_PATH: str = Field(default="/app/taxonomy", description="Folder of the taxonomy files.")

    @field_validator("DATABASE_URL", "READ_DATABASE_URL")
    @classmethod
    def _with_driver(cls, url: str | None) -> str | None:
        return None if url is None else with_driver(url)

    @property
    def cors_origins(self) -> list[str]:
        """CORS_ORIGINS as a list, each origin trimmed, blanks dropped."""
        return [origin.strip() for origin in self.CORS_ORIGINS.split(",") if origin.strip()]


def with_driver(url: str) -> str:
    """``url`` with the driver's name in its scheme; raises ValueError for another kind of database."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in _SCHEMES:
        # The URL itself may hold a password and is not repeated.
        raise ValueError(f"expected a URL that starts with one of {', '.join(f'{s}://' for s in _SCHEMES)}")
    return f"{DRIVER}://{rest}"


def without_driver(url: str) -> str:
    """``url`` as libpq and asyncpg take it."""
    return "postgresql://" + with_driver(url).partition("://")[2]


def get_settings() -> Settings:
    """The settings as they are now; read anew at every call, so that a changed variable counts."""
    return Settings()
