"""A branch against the last release, side by side in one run: ``python -m tests.benchmarks.gate --base REF``.

Both are measured in turns on the same machine, the same run and databases of one server; ratios
decide, never seconds. Requests that fail are asked too. Ends with 1 where the branch has lost.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from tests.benchmarks import sizes
from tests.benchmarks.measure import REPOSITORY, Cost, PostgresServer, run
from tests.benchmarks.servers import OURS, Server, serve
from tests.support.compass import environment
from tests.support.databases import copy_database
from transforms.embedded import EmbeddedPostgres
from transforms.synth import generate_run

FACILITIES = 40
LEAST_SPEED = 0.8
"""Of the release's: what noise takes from the same code is less."""
ROOM = 1.25
"""Of the release's, for time and memory of an ingest."""
BUDGET_OF_ANSWERS = 6
"""Copies of its answers to all connections that a server may grow by."""
BUDGET_BYTES = 32 * 2**20
"""What a server may grow by whatever it answers."""

QUESTIONS = {
    "list": ("/api/signals", 200),
    "list, sorted": ("/api/signals?sort_by=priority&sort_order=desc", 200),
    "detail": ("/api/signals/{signal}", 200),
    "metadata": ("/api/metadata/summary", 200),
    "not found": ("/api/signals/00000000-0000-0000-0000-000000000000", 404),
    "not valid": ("/api/signals?limit=0", 422),
    "no such path": ("/api/nothing", 404),
}
COMPUTED = {name: QUESTIONS[name] for name in ("list", "list, sorted", "detail")}
"""Asked also of servers that keep no answer."""


@dataclass(frozen=True, slots=True)
class Side:
    """What is measured: code in a folder, and a database of its own."""

    tree: Path
    url: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One comparison: ``value`` has to be at least, or at most, the limit."""

    name: str
    release: str
    branch: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def held(self) -> bool:
        """Whether the branch may go on."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def speed(name: str, release: list[float], branch: list[float]) -> Verdict:
    """Requests a second, medians of the turns."""
    theirs, ours = median(release), median(branch)
    return Verdict(name, f"{theirs:,.0f}/s", f"{ours:,.0f}/s", ours / theirs, LEAST_SPEED, at_least=True)


def ingest(release: list[Cost], branch: list[Cost]) -> Iterator[Verdict]:
    """Time and memory of an ingest."""
    for name, unit, read in (
        ("ingest, wall time", "s", lambda cost: cost.seconds),
        ("ingest, processor time", "s", lambda cost: cost.total_cpu),
        ("ingest, peak memory", "MB", lambda cost: cost.peak_bytes / 1e6),
    ):
        theirs, ours = (median(map(read, costs)) for costs in (release, branch))
        yield Verdict(name, f"{theirs:,.2f} {unit}", f"{ours:,.2f} {unit}", ours / theirs, ROOM)


def growth(suffix: str, grown_bytes: int, answer_bytes: int, connections: int) -> Verdict:
    """Memory of a server after load, as a share of what its answers allow."""
    budget = BUDGET_BYTES + BUDGET_OF_ANSWERS * answer_bytes * connections
    allowed, grown = f"{budget / 1e6:,.0f} MB allowed", f"{grown_bytes / 1e6:,.0f} MB more"
    return Verdict(f"memory after load{suffix}", allowed, grown, grown_bytes / budget, 1.0)


@contextmanager
def checked_out(reference: str) -> Iterator[Path]:
    """The code of ``reference`` in a folder of its own."""
    git = ["git", "-C", str(REPOSITORY), "worktree"]
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "release"
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), reference], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def _ingested(side: Side, made: Path, postgres: PostgresServer) -> Cost:
    command = [sys.executable, "-m", "transforms.cli", "ingest", str(made), "--force"]
    return run(command, env=environment(side.url), cwd=side.tree, postgres=postgres)


def _signal(server: Server) -> str:
    return str(json.loads(server.get("/api/signals?limit=1")[0])["signals"][0]["id"])


def _served(
    sides: Mapping[str, Side], questions: Mapping[str, tuple[str, int]], suffix: str = "", **extra: str
) -> Iterator[Verdict]:
    """Requests a second of both, and what the branch's server has grown by."""
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(serve(OURS, side.url, tree=side.tree, **extra))
            for name, side in sides.items()
        }
        branch = servers["branch"]
        names = {"signal": _signal(branch)}
        before, largest = branch.process.memory_info().rss, 0
        for name, (pattern, status) in questions.items():
            target = pattern.format(**names)
            rates: dict[str, list[float]] = {each: [] for each in servers}
            for _ in range(sizes.REPEATS):
                for each, server in servers.items():
                    answers = server.load(
                        target, connections=sizes.CONNECTIONS, seconds=sizes.LOAD_SECONDS, status=status
                    ).answers
                    rates[each].append(answers.rate)
                    largest = max(largest, answers.body_bytes)
            yield speed(f"{name}{suffix}", rates["release"], rates["branch"])
        yield growth(suffix, branch.process.memory_info().rss - before, largest, sizes.CONNECTIONS)


def compare(reference: str) -> list[Verdict]:
    """Measure the branch and ``reference``, taking turns."""
    with ExitStack() as stack:
        start = stack.enter_context
        trees = {"release": start(checked_out(reference)), "branch": REPOSITORY}
        folder = Path(start(tempfile.TemporaryDirectory()))
        made = generate_run(folder, facilities=FACILITIES)
        embedded = start(EmbeddedPostgres(folder / "pg"))
        sides = {
            name: Side(tree, asyncio.run(copy_database(embedded.url, name))) for name, tree in trees.items()
        }
        for side in sides.values():
            upgrade = [sys.executable, "-m", "transforms.cli", "db", "upgrade"]
            run(upgrade, env=environment(side.url), cwd=side.tree)
        postgres = asyncio.run(PostgresServer.behind(embedded.url))
        costs: dict[str, list[Cost]] = {name: [] for name in sides}
        for _ in range(sizes.REPEATS):
            for name, side in sides.items():
                costs[name].append(_ingested(side, made, postgres))
        return [
            *ingest(costs["release"], costs["branch"]),
            *_served(sides, QUESTIONS),
            *_served(sides, COMPUTED, ", nothing kept", RESPONSE_CACHE_BYTES="0"),
        ]


def show(verdicts: list[Verdict], reference: str) -> None:
    """Print every comparison."""
    table = Table("what", reference, "here", "ratio", "limit", "", title="Gate", title_justify="left")
    for each in verdicts:
        limit = f"{'at least' if each.at_least else 'at most'} {each.limit:g}"
        lost = "" if each.held else "LOST"
        table.add_row(each.name, each.release, each.branch, f"{each.value:.2f}", limit, lost)
    Console(width=120).print(table)


def main() -> int:
    """Compare and say what was lost; 1 where anything was."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.gate", description=__doc__)
    parser.add_argument("--base", required=True, help="tag, branch or commit of the last release")
    reference: str = parser.parse_args().base
    verdicts = compare(reference)
    show(verdicts, reference)
    return 0 if all(each.held for each in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
