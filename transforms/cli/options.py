"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How a command prints its result."""

    TEXT = "text"
    JSON = "json"


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
    Format, typer.Option("--format", "-f", help="text for people, json for programs (one document).")
]
IngestEngine = Annotated[
    IngestEngineOption,
    typer.Option("--engine", help="What runs the models; duckdb computes rows beside a busy database."),
]
Engine = Annotated[EngineOption, typer.Option("--engine", help="What runs the models.")]
