"""Pairs of SQL in ``tests/fixtures/transpile``: what a model may say, and what DuckDB is to run.

A file holds blocks of a title (``-- title``), a statement in PostgreSQL's dialect, a line ``->`` and
the statement in DuckDB's; an empty line ends a block.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tests.support.manifests import model
from transforms.compiled.manifest import Column, Manifest, Node
from transforms.transpile.column_types import ColumnTypes

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "transpile"
UPDATE = "COMPASS_UPDATE_GOLDEN"
"""Environment variable: when set, golden files are written instead of compared."""

COLUMNS = {
    "id": "bigint",
    "i": "bigint",
    "j": "bigint",
    "d": "double precision",
    "n": "numeric(18, 6)",
    "t": "text",
    "u": "text",
    "b": "boolean",
    "moment": "timestamp",
}
"""Columns of the table ``fixture.samples``, in PostgreSQL's types."""

SAMPLES = """
    (1, 7, 2, 2.5, 2.5, 'a', 'B', true, timestamp '2026-01-31 23:59:59.999999'),
    (2, -7, 2, -2.5, -2.5, 'B', 'a', false, timestamp '1999-12-31 00:00:00'),
    (3, 7, -2, 1e21, 0.000001, 'ß_é', '100%', true, timestamp '2026-02-28 12:00:00'),
    (4, 9007199254740993, 1, 1e-7, 123456.654321, '', ' ', null, null),
    (5, 0, 3, '-0', -0.5, 'a\\_b%c', 'a_bXc', false, timestamp '2024-02-29 00:00:00'),
    (6, null, null, null, null, null, null, null, null),
    (7, -9223372036854775807, 3, 'NaN', 999999999999.999999, '日本', '__x__y__', true, null),
    (8, 5, 0, 'Infinity', 3.5, 'x''y"z', 'Ä', false, timestamp '2026-01-31 23:59:59'),
    (9, 7, 2, 0.1, 0.1, 'a', 'b', null, timestamp '2026-01-31 23:59:59.999999')
"""
"""Its rows: halves, signed zero, what doubles cannot hold, no numbers, nulls, unicode, quotes, patterns."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A statement in both dialects."""

    file: str
    title: str
    postgres: str
    duckdb: str

    @property
    def node(self) -> Node:
        """A model that says it."""
        return model("pair", self.postgres)


def pairs() -> list[Pair]:
    """Every pair of every file."""
    return [pair for path in sorted(FOLDER.glob("*.sql")) for pair in _read(path)]


def write(changed: dict[Pair, str]) -> None:
    """Write the files again with what ``to_duckdb`` gave for each pair."""
    for path in FOLDER.glob("*.sql"):
        blocks = [f"-- {pair.title}\n{pair.postgres}\n->\n{changed[pair]}\n" for pair in _read(path)]
        path.write_text("\n".join(blocks), encoding="utf-8")


def updating() -> bool:
    """Whether golden files are to be written."""
    return bool(os.environ.get(UPDATE))


def sample_types() -> ColumnTypes:
    """What is known of ``fixture.samples``."""
    columns = tuple(Column(name=name, data_type=type_) for name, type_ in COLUMNS.items())
    source = Node(
        unique_id="source.tiny.fixture.samples",
        name="samples",
        resource_type="source",
        schema="fixture",
        alias="samples",
        materialized="source",
        file_path="models/sources.yml",
        columns=columns,
    )
    return ColumnTypes(
        Manifest(project_name="tiny", dbt_version="1.11.0", nodes={}, sources={source.unique_id: source})
    )


def _read(path: Path) -> list[Pair]:
    found = []
    for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
        title, body = block.split("\n", 1)
        assert title.startswith("-- "), f"{path.name}: a block starts with its title, not {title!r}"
        postgres, duckdb = body.split("\n->\n")
        found.append(Pair(path.name, title.removeprefix("-- "), postgres.strip(), duckdb.strip()))
    return found
