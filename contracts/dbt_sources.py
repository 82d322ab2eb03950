"""Writes dbt's sources.yml from the raw table declarations: `python -m contracts.dbt_sources`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from contracts.columns import Column
from contracts.ddl import LOADED_AT, POSTGRES_TYPES
from contracts.tables import RAW_TABLES

SOURCES_FILE = Path(__file__).resolve().parents[1] / "dbt" / "models" / "staging" / "sources.yml"
_HEADER = "# Generated from contracts/tables by `python -m contracts.dbt_sources`; do not edit.\n"


def render_sources() -> str:
    """The text of sources.yml."""
    document = {
        "version": 2,
        "sources": [
            {
                "name": "raw",
                "schema": "public",
                "description": "Staged artifacts of every loaded run, one table a family",
                "loaded_at_field": LOADED_AT,
                "freshness": {"warn_after": {"count": 7, "period": "day"}},
                "tables": [
                    {
                        "name": table.name,
                        "description": table.description,
                        "columns": [
                            *(_column(column) for column in table.columns),
                            {
                                "name": LOADED_AT,
                                "description": "When the row was loaded",
                                "data_type": "timestamptz",
                            },
                        ],
                    }
                    for table in RAW_TABLES
                ],
            },
            {
                "name": "app",
                "schema": "public",
                "description": "Tables of the application that models read",
                "tables": [
                    {
                        "name": "runs",
                        "description": "Registry of runs and their state",
                        "columns": [
                            {"name": "run_key", "description": "`<graph_name>/<run_id>`"},
                            {"name": "state", "description": "Where the run is in its lifecycle"},
                            {"name": "loaded_at", "description": "When the run was last loaded"},
                        ],
                    }
                ],
            },
        ],
    }
    return _HEADER + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)


def _column(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "description": column.description,
        "data_type": POSTGRES_TYPES[column.type],
    }


def main(arguments: list[str]) -> int:
    """Write the file, or with ``--check`` say whether it is current (exit code 1 when not)."""
    text = render_sources()
    if "--check" in arguments:
        return int(not SOURCES_FILE.is_file() or SOURCES_FILE.read_text() != text)
    SOURCES_FILE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
