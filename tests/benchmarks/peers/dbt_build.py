"""`dbt build` as its users run it: the command, in the project's folder."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backend.enums import RunState
from tests.benchmarks.measure import Cost, PostgresServer, run
from tests.support.databases import execute
from transforms.compiled.dbt_runner import profile_environment
from transforms.compiled.manifest import PROJECT


@dataclass(frozen=True, slots=True)
class Dbt:
    """dbt with a folder for its artifacts; what it parsed once, it need not parse again."""

    target: Path
    postgres: PostgresServer

    def parse(self) -> None:
        """Read the project, so that a build that is measured need not."""
        self._run("parse", None)

    def build(self, database_url: str) -> Cost:
        """Build every run that the database holds; that they are to be built is what models select by."""
        asyncio.run(execute(database_url, f"update public.runs set state = '{RunState.BUILDING}'"))
        return self._run("build", database_url)

    def seconds(self) -> Mapping[str, float]:
        """What each node of the last build took, by unique id."""
        results = json.loads((self.target / "run_results.json").read_bytes())["results"]
        return {each["unique_id"]: each["execution_time"] for each in results}

    def _run(self, command: str, database_url: str | None) -> Cost:
        extra = {"DBT_TARGET_PATH": str(self.target), "DBT_LOG_PATH": str(self.target)}
        return run(
            [sys.executable, "-W", "ignore", "-m", "dbt.cli.main", command],
            env=os.environ | profile_environment(database_url) | extra,
            cwd=PROJECT,
            postgres=self.postgres,
        )
