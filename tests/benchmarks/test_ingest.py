"""Ingest end to end, each time a process of its own into an empty database: time, memory, growth.

The floor is what every loader must do at the least: decode each JSON line of the run once with
the standard library, and keep nothing. The usual way is that, a bulk insert with SQLAlchemy,
`dbt build`, and upserts of batches of rows; it checks nothing.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from math import log
from pathlib import Path

import asyncpg
import pytest

from backend.config import without_driver
from contracts.tables import RAW_TABLES
from tests.benchmarks import sizes
from tests.benchmarks.measure import Cost, PostgresServer, in_turns, run
from tests.benchmarks.peers import row_batches, usual_signals
from tests.benchmarks.peers.dbt_build import Dbt
from tests.benchmarks.peers.row_inserts import insert_with_sqlalchemy
from tests.benchmarks.records import Record, Target, hold, keep
from tests.benchmarks.staging import jsonl_files
from tests.support.compass import environment
from tests.support.databases import copy_database, execute
from transforms.copy import create_raw_tables
from transforms.run import Run, open_run
from transforms.stage import stage_run
from transforms.synth import generate_run

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

AREA = "Ingest"
_BESIDE = "marts by DuckDB"
MOST_FLOORS = 12.0
"""What an ingest may cost in times of decoding the run once."""
SECONDS = 4.0
MEMORY_MB = 1500.0
MOST_GROWTH = 1.05


class Ingests:
    """Ingests runs, each into a database of its own."""

    def __init__(self, empty_url: str, postgres: PostgresServer) -> None:
        self._empty_url = empty_url
        self._postgres = postgres

    def fresh(self) -> str:
        """A migrated database without runs."""
        return asyncio.run(copy_database(self._empty_url, "ingested"))

    def ours(self, made: Path, engine: str) -> Cost:
        """`compass ingest`."""
        command = [sys.executable, "-m", "transforms.cli", "ingest", str(made), "--engine", engine]
        return run(command, env=environment(self.fresh()), postgres=self._postgres)

    def usual(self, made: Path, dbt: Dbt) -> Cost:
        """Step by step, as many would put it together from well-known parts."""
        url, opened = self.fresh(), open_run(made)
        data = stage_run(opened)
        frames = {
            table.name: data.frames[table.name].select(table.column_names)
            for table in RAW_TABLES
            if data.row_counts[table.name]
        }
        asyncio.run(self._prepare(url, opened))
        started, cpu, before = time.perf_counter(), time.process_time(), self._postgres.cpu()
        decode(made)
        insert_with_sqlalchemy(url, frames)
        asyncio.run(execute(url, "analyze"))
        built = dbt.build(url)
        asyncio.run(self._upsert(url, opened.run_key))
        return Cost(
            time.perf_counter() - started,
            time.process_time() - cpu + built.cpu,
            self._postgres.cpu() - before,
        )

    async def _prepare(self, url: str, opened: Run) -> None:
        connection = await asyncpg.connect(without_driver(url))
        await create_raw_tables(connection)
        await usual_signals.create_table(connection)
        await connection.execute(
            "insert into public.runs (run_key, graph_name, run_id, state) values ($1, $2, $3, 'loaded')",
            opened.run_key,
            opened.graph_name,
            opened.run_id,
        )
        await connection.close()

    async def _upsert(self, url: str, run_key: str) -> None:
        connection = await asyncpg.connect(without_driver(url))
        await row_batches.send_batches(connection, run_key)
        await connection.close()


def decode(made: Path) -> Cost:
    """Decode every line of a run."""
    started, cpu = time.perf_counter(), time.process_time()
    for path in jsonl_files(made):
        with path.open("rb") as stream:
            for line in stream:
                json.loads(line)
    return Cost(time.perf_counter() - started, time.process_time() - cpu)


def _exponent(sizes_and_figures: Sequence[tuple[float, float]]) -> float:
    """Slope of the line through the logarithms: 1 is linear growth."""
    points = [(log(size), log(figure)) for size, figure in sizes_and_figures]
    across = sum(x for x, _ in points) / len(points)
    up = sum(y for _, y in points) / len(points)
    return sum((x - across) * (y - up) for x, y in points) / sum((x - across) ** 2 for x, _ in points)


@pytest.fixture(scope="module")
def ingests(bench_url: str, postgres: PostgresServer) -> Ingests:
    """What ingests into copies of an empty database."""
    return Ingests(bench_url, postgres)


def test_growth(ingests: Ingests, runs_folder: Path) -> None:
    """More data takes proportionally longer, within memory; one metric is in within its budget."""
    records, grown = [], []
    for metrics in sizes.METRICS:
        made = generate_run(
            runs_folder, facilities=sizes.FACILITIES, metrics=metrics, graph_name=f"of_{metrics}"
        )
        ways: dict[str, Callable[[], Cost]] = {
            "ours": lambda made=made: ingests.ours(made, "native"),  # type: ignore[misc]
            "duckdb": lambda made=made: ingests.ours(made, "duckdb"),  # type: ignore[misc]
            "floor": lambda made=made: decode(made),  # type: ignore[misc]
        }
        # Long ones are their own average.
        costs = in_turns(sizes.REPEATS if metrics == 1 else 1, ways)
        ours, beside, floor = costs["ours"], costs["duckdb"], costs["floor"]
        grown.append((metrics, ours))
        megabytes = sum(path.stat().st_size for path in jsonl_files(made)) / 1e6
        parameters = {"facilities": sizes.FACILITIES, "metrics": metrics, "MB": round(megabytes)}
        name = "1 metric" if metrics == 1 else f"{metrics} metrics"
        records += [
            Record(
                AREA,
                name,
                "s",
                ours.seconds,
                floor.seconds,
                "decoding alone",
                Target(1 / MOST_FLOORS),
                parameters,
            ),
            Record(AREA, name, "s", ours.seconds, beside.seconds, _BESIDE, parameters=parameters),
            Record(
                AREA,
                f"{name}, CPU in all",
                "s",
                ours.total_cpu,
                beside.total_cpu,
                _BESIDE,
                parameters=parameters,
            ),
            Record(
                AREA,
                f"{name}, peak memory",
                "MB",
                ours.peak_bytes / 1e6,
                beside.peak_bytes / 1e6,
                _BESIDE,
                Target(MEMORY_MB, "ours", at_least=False),
                parameters,
            ),
        ]
        if metrics == 1:
            budget = Target(SECONDS, "ours", at_least=False)
            records.append(
                Record(AREA, f"{name}, budget", "s", ours.seconds, target=budget, parameters=parameters)
            )
    if len(grown) > 1:
        span = {"metrics": ", ".join(map(str, sizes.METRICS))}
        most = Target(MOST_GROWTH, "ours", at_least=False)
        for what, figures in (
            ("time", [(metrics, cost.seconds) for metrics, cost in grown]),
            ("memory", [(metrics, float(cost.peak_bytes)) for metrics, cost in grown]),
        ):
            records.append(
                Record(AREA, f"exponent of growth, {what}", "", _exponent(figures), None, None, most, span)
            )
    keep(AREA, records)
    hold(records[0])


def test_the_usual_way(ingests: Ingests, postgres: PostgresServer, runs_folder: Path, tmp_path: Path) -> None:
    """One metric, against well-known parts put together."""
    pytest.importorskip("dbt.cli.main")
    made = generate_run(runs_folder, facilities=sizes.FACILITIES, graph_name="usual")
    dbt = Dbt(tmp_path, postgres)
    dbt.parse()
    costs = in_turns(
        sizes.REPEATS,
        {"ours": lambda: ingests.ours(made, "native"), "usual": lambda: ingests.usual(made, dbt)},
    )
    ours, usual = costs["ours"], costs["usual"]
    against = "json, SQLAlchemy, dbt, upserts"
    parameters = {"facilities": sizes.FACILITIES, "metrics": 1}
    keep(
        AREA,
        [
            Record(AREA, "the usual way", "s", ours.seconds, usual.seconds, against, None, parameters),
            Record(
                AREA,
                "the usual way, CPU in all",
                "s",
                ours.total_cpu,
                usual.total_cpu,
                against,
                None,
                parameters,
            ),
        ],
    )
