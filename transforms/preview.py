"""Preview: the marts of a run in DuckDB, straight from its files, without any server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import duckdb
import polars as pl

from contracts.findings import Report
from transforms.compiled.build import load_verified
from transforms.compiled.manifest import PROJECT
from transforms.engines.base import Progress as NodeProgress
from transforms.engines.duckdb import DuckDbEngine, load_frames
from transforms.errors import FolderNotWritable, RunBroken, UsageError
from transforms.files import replacing
from transforms.preflight import preflight
from transforms.progress import Progress
from transforms.run import Run
from transforms.transpile.compiled import load_translations

MARTS = "public_marts"


class QueryFailed(UsageError):
    """A query of the user's failed."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the query failed: {reason}", f"marts are in schema {MARTS}, e.g. fct_signals")


class BrokenRun(RunBroken):
    """The run does not parse, or its rows do not fit the schemas."""

    def __init__(self, report: Report) -> None:
        super().__init__(
            report,
            "cannot be previewed: it breaks its contracts",
            "mend what is listed; `compass preflight` checks everything",
        )


class Preview:
    """Marts of one run in an in-memory database; close it when done."""

    def __init__(self, run: Run, progress: Progress) -> None:
        manifest = load_verified(PROJECT)
        translated = load_translations(manifest, PROJECT)
        data, self.report = preflight(run, progress, rules=False)
        if not self.report.ok:
            raise BrokenRun(self.report)
        self.run_key = run.run_key
        self._connection = duckdb.connect()
        with progress.step("Building (duckdb)", len(manifest.nodes)) as advance:

            def on_node(event: NodeProgress) -> None:
                advance(1)

            load_frames(self._connection, [data])
            engine = DuckDbEngine(self._connection, translated)
            self.build = asyncio.run(engine.build(manifest, on_progress=on_node))
        self.build.raise_for_problems()
        # Queries come next: they read what is here, no file of the machine and no variable of ours.
        self._connection.execute("set enable_external_access = false")
        self._connection.execute("set python_enable_replacements = false")
        self._connection.execute(f"set search_path = '{MARTS}'")
        self._connection.execute("set lock_configuration = true")

    def close(self) -> None:
        """Release the database."""
        self._connection.close()

    def query(self, sql: str) -> pl.DataFrame:
        """Rows of a query of the user's; raises QueryFailed."""
        try:
            relation = self._connection.sql(sql)
            if relation is None:
                raise QueryFailed("it gives no rows")
            rows: pl.DataFrame = relation.pl()
            return rows
        except (duckdb.Error, pl.exceptions.PolarsError) as error:
            raise QueryFailed(str(error)) from error

    def row_counts(self) -> dict[str, int]:
        """Rows of each mart."""
        return {
            result.node.name: result.rows
            for result in self.build.results
            if result.node.schema == MARTS and result.rows is not None
        }

    def signal_types(self) -> pl.DataFrame:
        """Signals of each type, most first."""
        return self.query(
            "select simplified_signal_type as signal_type, count(*) as signals from fct_signals "
            "group by all order by signals desc, signal_type"
        )

    def top_signals(self) -> pl.DataFrame:
        """The ten most severe signals."""
        return self.query(
            "select simplified_severity as severity, simplified_signal_type as signal_type, metric_id, "
            "facility, group_value, metric_value, benchmark from fct_signals "
            "order by severity desc, entity_key limit 10"
        )

    def signals(self) -> pl.DataFrame:
        """Every signal, by entity key."""
        return self.query("select * from fct_signals order by entity_key")

    def export(self, folder: Path) -> list[Path]:
        """Write each mart to ``folder`` as Parquet; returns the files. Raises FolderNotWritable."""
        files = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name in self.row_counts():
                path = folder / f"{name}.parquet"
                rows = self.query(f'select * from "{name}"')  # noqa: S608 - a model's name
                with replacing(path) as unfinished:
                    rows.write_parquet(unfinished)
                files.append(path)
        except (OSError, pl.exceptions.PolarsError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise FolderNotWritable(folder, reason) from error
        return files
