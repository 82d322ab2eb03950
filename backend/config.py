"""Settings, read from the environment or a ``.env`` file; ``.env.example`` lists them all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, FilePath, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from backend.caching.writes import MARK_BYTES

DRIVER = "postgresql+asyncpg"
# RFC 7518, section 3.2: a key of the size of the hash output.
_LEAST_SECRET_BYTES = 32
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
        default=None,
        description="Replica that GET requests read from, once it has all that was written; default: none.",
    )
    DATABASE_POOL_SIZE: int = Field(
        default=20, ge=1, le=1000, description="Connections that each worker keeps open, per database."
    )
    DATABASE_MAX_OVERFLOW: int = Field(
        default=0, ge=0, le=1000, description="Connections above the pool size, closed after use."
    )
    DATABASE_STATEMENT_TIMEOUT: float = Field(
        default=10.0, ge=0, description="Seconds until a request's statement is cancelled; 0 = never."
    )
    START_WITHOUT_DATABASE: bool = Field(
        default=False,
        description="Start although the database does not answer: requests get 503 until it does.",
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

    OTEL_ENABLED: bool = Field(
        default=False, description="Send traces by OpenTelemetry, as the usual OTEL_ variables say."
    )
    AUTH_MODE: Literal["none", "api_key", "jwt"] = Field(
        default="none", description="How callers show who they are; none serves this machine only."
    )
    TRUST_NETWORK: bool = Field(
        default=False,
        description=(
            "With AUTH_MODE=none, serve other machines too: for a container whose port is published on "
            "the loopback interface, or behind a proxy that authenticates."
        ),
    )
    AUTH_JWT_SECRET: SecretStr | None = Field(
        default=None, description="Shared secret of tokens, 32 bytes or more; for HS algorithms."
    )
    AUTH_JWT_JWKS: str | None = Field(
        default=None, description="Public keys of tokens (JWK Set): an https URL or a file."
    )
    AUTH_JWT_ALGORITHM: Literal[
        "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "ES256", "ES384"
    ] = Field(default="HS256", description="The one algorithm that tokens may be signed with.")
    AUTH_JWT_ISSUER: str | None = Field(default=None, description="Required `iss` of tokens.")
    AUTH_JWT_AUDIENCE: str | None = Field(default=None, description="Required `aud` of tokens.")
    AUTH_JWT_LEEWAY: int = Field(
        default=30,
        ge=0,
        le=600,
        description="Seconds that clocks may differ by when times of tokens are checked.",
    )
    AUTH_JWT_ROLE_CLAIM: str = Field(
        default="role", description="Claim that names the role of callers who have no account."
    )
    RATE_LIMIT_WRITES: int = Field(
        default=3000,
        ge=0,
        description="Writes a minute that a caller may send to a worker when callers sign in; 0 = any.",
    )
    RATE_LIMIT_FAILED_LOGINS: int = Field(
        default=20, ge=0, description="Failed logins a minute from one address, per worker; 0 = any."
    )
    MAX_BODY_BYTES: int = Field(default=1_048_576, ge=1024, description="Largest request body, in bytes.")
    RESPONSE_CACHE_BYTES: int = Field(
        default=67_108_864, ge=0, description="Memory of a worker for responses it may send again; 0 = none."
    )
    # Answers do not depend on it: excluded from what they are told apart by.
    WRITES_FILE: FilePath | None = Field(
        default=None,
        exclude=True,
        description="File by which workers on one machine tell each other at once that they have written; "
        "`compass serve --workers` makes one.",
    )

    @field_validator("WRITES_FILE")
    @classmethod
    def _is_written_by_nobody_else(cls, path: Path | None) -> Path | None:
        # It is written over: a path that was given by mistake must not cost what stands there.
        if path is not None and (path.stat().st_size > MARK_BYTES or not os.access(path, os.W_OK)):
            raise ValueError("must be an empty file that may be written to, and that nobody else uses")
        return path

    @model_validator(mode="after")
    def _tokens_can_be_checked(self) -> Self:
        if self.AUTH_MODE != "jwt":
            return self
        shared = self.AUTH_JWT_ALGORITHM.startswith("HS")
        secret = self.AUTH_JWT_SECRET
        if shared and (secret is None or len(secret.get_secret_value().encode()) < _LEAST_SECRET_BYTES):
            raise ValueError(
                f"AUTH_JWT_ALGORITHM={self.AUTH_JWT_ALGORITHM} needs AUTH_JWT_SECRET"
                f" of {_LEAST_SECRET_BYTES} bytes or more"
            )
        if not shared and self.AUTH_JWT_JWKS is None:
            raise ValueError(f"AUTH_JWT_ALGORITHM={self.AUTH_JWT_ALGORITHM} needs AUTH_JWT_JWKS")
        if self.AUTH_JWT_ISSUER is None or self.AUTH_JWT_AUDIENCE is None:
            raise ValueError("AUTH_MODE=jwt needs AUTH_JWT_ISSUER and AUTH_JWT_AUDIENCE")
        return self

    @field_validator("DATABASE_URL", "READ_DATABASE_URL")
    @classmethod
    def _with_driver(cls, url: str | None) -> str | None:
        return None if url is None else _parsing(with_driver(url))

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


def _parsing(url: str) -> str:
    """``url`` itself; raises ValueError when host or port do not parse."""
    try:
        hosts = urlsplit(url).netloc.rpartition("@")[2]
        for host in hosts.split(","):
            _ = urlsplit(f"//{host}").port
    except ValueError:
        # Its text may repeat the URL.
        raise ValueError(
            "host or port does not parse: expected user:password@host:port/database with a port up to 65535, "
            "an IPv6 address in brackets, and special characters of the password written as %XX"
        ) from None
    return url


def without_driver(url: str) -> str:
    """``url`` as libpq and asyncpg take it."""
    return "postgresql://" + with_driver(url).partition("://")[2]


def get_settings() -> Settings:
    """The settings as they are now; read anew at every call, so that a changed variable counts."""
    return Settings()


SETTINGS_HINT = "correct it in the environment or in .env; docs/settings.md says what each setting takes"


def wrong_settings(error: ValidationError) -> str:
    """What is wrong about each setting; never its value, which may hold a password."""
    problems = (
        ": ".join([*map(str, each["loc"]), each["msg"].removeprefix("Value error, ")])
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    )
    return f"wrong settings: {'; '.join(problems)}"
