"""What a soak has found, as verdicts and as a table."""

from __future__ import annotations

from dataclasses import dataclass

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing that was looked at."""

    name: str
    good: bool
    found: str


def as_table(verdicts: list[Verdict], seconds: float) -> Table:
    """The verdicts, for people."""
    table = Table(title=f"Soak of {seconds:.0f} s", title_justify="left")
    for heading in ("", "Looked at", "Found"):
        table.add_column(heading)
    for verdict in verdicts:
        table.add_row("[green]ok[/]" if verdict.good else "[red]WRONG[/]", verdict.name, verdict.found)
    return table
