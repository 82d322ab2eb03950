"""What was measured: kept in a file for the report, shown as a table, held against its target."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import psutil  # type: ignore[import-untyped]
from rich.console import Console
from rich.table import Table

from tests.benchmarks import sizes

RESULTS = Path(
    os.environ.get("COMPASS_BENCH_RESULTS", Path(__file__).resolve().parents[2] / "build" / "benchmarks.json")
)
"""Where records are kept; the report is made of them."""

_PACKAGES = ("asyncpg", "dbt-core", "duckdb", "fastapi", "polars", "quality-compass", "sqlalchemy", "uvicorn")
_MORE_IS_BETTER = frozenset({"requests/s", "rows/s", "MB/s"})


@dataclass(frozen=True, slots=True)
class Target:
    """What a record is to reach: a limit of the ratio, or of our own figure."""

    limit: float
    of: Literal["ratio", "ours"] = "ratio"
    at_least: bool = True

    def met_by(self, value: float) -> bool:
        """Whether ``value`` keeps to the limit."""
        return value >= self.limit if self.at_least else value <= self.limit

    def text(self, unit: str) -> str:
        """The target in words."""
        direction = "at least" if self.at_least else "at most"
        return f"{direction} {round(self.limit, 3):g}" + ("x" if self.of == "ratio" else f" {unit}".rstrip())


@dataclass(frozen=True, slots=True)
class Record:
    """Medians of ours and of what it is compared with.

    ``ratio`` says how many times better ours is: above 1 it leads, whatever the unit.
    """

    area: str
    name: str
    unit: str
    ours: float
    peer: float | None = None
    against: str | None = None
    target: Target | None = None
    parameters: Mapping[str, str | int | float] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """How many times better than the peer; None without one."""
        if self.peer is None:
            return None
        better, worse = (self.ours, self.peer) if self.unit in _MORE_IS_BETTER else (self.peer, self.ours)
        return better / worse if worse else None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        if self.target is None:
            return None
        value = self.ours if self.target.of == "ours" else self.ratio
        return None if value is None else self.target.met_by(value)

    @property
    def identity(self) -> tuple[str, str, str | None]:
        """What a later record of the same kind replaces."""
        return self.area, self.name, self.against


def cells(record: Record) -> tuple[str, ...]:
    """A record as the table and the report show it."""
    ratio = "" if record.ratio is None else f"{record.ratio:.{2 if record.ratio >= 0.1 else 3}f}x"
    met = {None: "", True: "met", False: "NOT met"}[record.met]
    return (
        record.name,
        figure(record.ours, record.unit),
        record.against or "",
        "" if record.peer is None else figure(record.peer, record.unit),
        ratio,
        "" if record.target is None else record.target.text(record.unit),
        met,
    )


COLUMNS = ("what", "ours", "against", "theirs", "ratio", "target", "")


def figure(value: float, unit: str) -> str:
    """A value with its unit, with three digits or so."""
    digits = 0 if abs(value) >= 100 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f} {unit}".rstrip()


def keep(area: str, records: Iterable[Record]) -> None:
    """Show ``records`` as a table and add them to the results; earlier ones of the same kind go."""
    added = list(records)
    table = Table(*COLUMNS, title=area, title_justify="left")
    for record in added:
        table.add_row(*cells(record))
    Console(width=150).print(table)
    document = read()
    replaced = {record.identity for record in added}
    document["records"] = [
        *(each for each in document["records"] if restored(each).identity not in replaced),
        *(_stored(record) for record in added),
    ]
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def hold(record: Record) -> None:
    """Fail if the target of ``record`` is missed; small data proves nothing and is let pass."""
    assert record.met or not sizes.FULL, f"{record.area}: {' '.join(filter(None, cells(record)))}"


def read() -> dict[str, Any]:
    """The results so far; none where those there are of another machine or of other versions."""
    fresh: dict[str, Any] = {"machine": _machine(), "versions": _versions(), "records": []}
    if not RESULTS.exists():
        return fresh
    document: dict[str, Any] = json.loads(RESULTS.read_bytes())
    comparable = all(document[key] == fresh[key] for key in ("machine", "versions"))
    return document if comparable else fresh


def restored(stored: Mapping[str, Any]) -> Record:
    """A record as it was kept."""
    target = stored["target"]
    values = {name: value for name, value in stored.items() if name not in ("target", "measured", "full")}
    return Record(**values, target=None if target is None else Target(**target))


def _stored(record: Record) -> dict[str, Any]:
    measured = datetime.now(UTC).date().isoformat()
    return {**asdict(record), "measured": measured, "full": sizes.FULL}


def _machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    system = f"{platform.system()} {platform.release()}"
    return f"{_processor()}, {psutil.cpu_count()} cores, {memory:.0f} GiB, {system}"


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _versions() -> dict[str, str]:
    return {"Python": platform.python_version(), **{package: version(package) for package in _PACKAGES}}
