"""The big tables of a run made by DuckDB alone, and nothing checked: what the tables cost at least.

Run it on a run directory; it prints the rows of each table.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import duckdb

_STATEMENTS = Path(__file__).with_suffix(".sql")
TABLES = {
    "entities": "raw_entity_results",
    "statistical_methods": "raw_statistical_methods",
    "anomalies": "raw_anomalies",
    "classifications": "raw_classifications",
    "contributions": "raw_contributions",
}
"""Its tables, and the raw tables that have the same rows."""


def tables(database: duckdb.DuckDBPyConnection, run: Path) -> None:
    """Make the tables of ``run`` in ``database``."""
    for name, value in {"run": str(run), "graph": run.parent.name}.items():
        database.execute(f"set variable {name} = ?", [value])
    database.execute(_STATEMENTS.read_text(encoding="utf-8"))


def make_tables(run: Path, threads: int | None = None) -> dict[str, int]:
    """Make the tables of ``run`` in memory; returns the rows of the raw tables they stand for.

    Without ``threads``, DuckDB takes as many as there are cores.
    """
    rows = {}
    with duckdb.connect(config={} if threads is None else {"threads": threads}) as database:
        tables(database, run)
        for table, ours in TABLES.items():
            counted = database.execute(f"select count(*) from {table}").fetchone()
            assert counted is not None
            rows[ours] = counted[0]
    return rows


if __name__ == "__main__":
    sys.stdout.write(json.dumps(make_tables(Path(sys.argv[1]))) + "\n")
