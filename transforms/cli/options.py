"""Options that several commands share."""

from __future__ import annotations

from contextvars import ContextVar
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How a command prints its result."""

    TEXT = "text"
    JSON = "json"


_asked_for = ContextVar("format", default=Format.TEXT)


def json_asked_for() -> bool:
    """Whether the command was called with ``--format json``: its failures are told in JSON, too."""
    return _asked_for.get() is Format.JSON


def _remember(asked: Format) -> Format:
    _asked_for.set(asked)
    return asked


class EngineOption(StrEnum):
    """Which engine builds the marts."""

    NATIVE = "native"
    DBT = "dbt"


class IngestEngineOption(StrEnum):
    """Which engine builds the marts of a run whose files are at hand."""

    NATIVE = "native"
    DUCKDB = "duckdb"
    DBT = "dbt"


RunDirectory = Annotated[Path, typer.Argument(metavar="DIR", help="A run directory: <graph>/<run_id>.")]
RunName = Annotated[str, typer.Argument(metavar="ID", help="A run, as <graph>/<run_id> or <run_id>.")]
OutputFormat = Annotated[
    Format,
    typer.Option(
        "--format", "-f", callback=_remember, help="text for people, json for programs (one document)."
    ),
]
IngestEngine = Annotated[
    IngestEngineOption,
    typer.Option("--engine", help="What runs the models; duckdb computes rows beside a busy database."),
]
Engine = Annotated[EngineOption, typer.Option("--engine", help="What runs the models.")]
