"""What every engine takes and gives: a build of some nodes, a result for each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Literal, Protocol

from transforms.compiled.manifest import Manifest, Node
from transforms.engines.turn import BuildTurn


class Status(StrEnum):
    """How a node ended, in dbt's words: SUCCESS for models and seeds, PASS for tests."""

    SUCCESS = "success"
    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    ERROR = "error"
    SKIPPED = "skipped"

    @property
    def blocks(self) -> bool:
        """Whether nodes downstream may not run, and the build counts as failed."""
        return self in (Status.FAIL, Status.ERROR, Status.SKIPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeResult:
    """How one node ended.

    ``message`` is what the database did (``INSERT 0 118``, ``CREATE VIEW``), or what went wrong.
    ``rows`` counts rows written, where the node writes rows; ``failures`` the failures of a test.
    """

    node: Node
    status: Status
    message: str | None = None
    rows: int | None = None
    failures: int | None = None
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    execution_time: float = 0.0
    """Seconds."""
    worker: str = "main"

    @property
    def completed_at(self) -> datetime:
        """When the node ended."""
        return self.started_at + timedelta(seconds=self.execution_time)


@dataclass(frozen=True, slots=True)
class BuildResult:
    """How a build ended: one result for each selected node, in the order they finished."""

    engine: str
    dbt_version: str
    results: tuple[NodeResult, ...]
    elapsed: float
    """Seconds from the start, waiting for other builds included."""
    generated_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def succeeded(self) -> bool:
        """Whether nothing failed or was skipped; warnings do not count."""
        return not any(result.status.blocks for result in self.results)

    @property
    def problems(self) -> tuple[NodeResult, ...]:
        """What failed by itself: errors and failed tests, without what was skipped for them."""
        return tuple(result for result in self.results if result.status in (Status.ERROR, Status.FAIL))

    def count(self, status: Status) -> int:
        """Number of nodes that ended with ``status``."""
        return sum(result.status is status for result in self.results)

    def raise_for_problems(self) -> None:
        """Raise BuildFailed unless the build succeeded."""
        if not self.succeeded:
            from transforms.engines.errors import BuildFailed

            raise BuildFailed(self.engine, self.problems, self.count(Status.SKIPPED))


@dataclass(frozen=True, slots=True)
class Progress:
    """A step of a running build. ``result`` is set when ``kind`` is ``finished``.

    ``waiting`` comes before all others, once, when another build holds the database.
    """

    kind: Literal["waiting", "started", "finished"]
    done: int
    total: int
    node: Node | None = None
    result: NodeResult | None = None


ProgressCallback = Callable[[Progress], None]


def waiting(total: int, on_progress: ProgressCallback | None) -> Callable[[], None]:
    """What tells ``on_progress`` that another build has the database."""

    def tell() -> None:
        if on_progress is not None:
            on_progress(Progress("waiting", 0, total))

    return tell


class Engine(Protocol):
    """Something that runs the nodes of a compiled manifest."""

    @property
    def name(self) -> str:
        """Name on the command line and in the registry."""
        ...

    async def build(
        self,
        manifest: Manifest,
        *,
        select: Sequence[str] = (),
        exclude: Sequence[str] = (),
        full_refresh: bool = False,
        on_progress: ProgressCallback | None = None,
        turn: BuildTurn | None = None,
    ) -> BuildResult:
        """Run seeds, models and tests in order; a failed node skips what stands below it.

        Builds of one database take turns: the engine waits for its own, unless the caller has one.
        ``select`` and ``exclude`` follow dbt (see transforms.compiled.selection). ``full_refresh``
        drops and recreates tables. Node failures are in the result, not raised; raises
        SelectionError, DatabaseUnavailable, and ManifestOutOfDate.
        """
        ...
