"""The data dictionary: the declared raw tables as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.columns import Column, Table
from contracts.tables import RAW_TABLES


def describe_tables() -> Iterator[str]:
    """Lines of Markdown: an overview of the raw tables, then each with its columns."""
    yield "Artifacts are staged into these tables, which the rules look at and the database loads."
    yield ""
    for table in RAW_TABLES:
        yield f"- [{table.name}](#{table.name}): {table.description}"
    for table in RAW_TABLES:
        yield from _describe(table)


def _describe(table: Table) -> Iterator[str]:
    yield ""
    yield f"### {table.name}"
    yield ""
    yield f"{table.description}. Key: {', '.join(f'`{name}`' for name in table.key)}."
    yield ""
    yield "| Column | Type | Null | Meaning |"
    yield "|---|---|---|---|"
    for column in table.columns:
        nullable = "yes" if column.nullable else "no"
        yield f"| `{column.name}` | {column.type.value} | {nullable} | {_cell(_meaning(column))} |"


def _meaning(column: Column) -> str:
    values = ", ".join(f"`{value}`" for value in column.allowed or ())
    bounds = [
        None if column.minimum is None else f"at least {column.minimum:g}",
        None if column.maximum is None else f"at most {column.maximum:g}",
        "a whole number of 64 bits" if column.whole else None,
    ]
    limits = ", ".join(bound for bound in bounds if bound)
    extra = "; ".join(part for part in (f"one of {values}" if values else "", limits) if part)
    return f"{column.description} ({extra})" if extra else column.description


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
