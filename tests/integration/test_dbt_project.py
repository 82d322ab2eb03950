"""What dbt's users know works on the project as it is: build, test, docs and freshness."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from contracts.tables import RAW_TABLES
from tests.support.manifests import rows
from transforms.compiled.dbt_runner import profile_environment
from transforms.compiled.manifest import PROJECT
from transforms.lifecycle.ingest import load_only
from transforms.progress import NoProgress
from transforms.run import open_run
from transforms.sample import sample_run
from transforms.schema import upgrade_schema

# Seconds each on a machine of its own.
pytestmark = [pytest.mark.thorough, pytest.mark.timeout(300)]
pytest.importorskip("dbt.cli.main")


@pytest.fixture(scope="module")
def database(database_url: str) -> str:
    """The sample run, loaded and not built."""

    async def bring_in() -> None:
        await upgrade_schema(database_url)
        await load_only(database_url, open_run(sample_run()), progress=NoProgress(), skip_preflight=True)

    asyncio.run(bring_in())
    return database_url


def dbt(database: str, target: Path, *command: str) -> dict[str, Any]:
    """Run dbt in the project's folder, as its users do; what it says of each node."""
    name = "sources.json" if command[0] == "source" else "run_results.json"
    environment = os.environ | profile_environment(database)
    environment |= {"DBT_TARGET_PATH": str(target), "DBT_LOG_PATH": str(target)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "dbt.cli.main", *command],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    document: dict[str, Any] = json.loads((target / name).read_bytes())
    return {result["unique_id"]: result for result in document["results"]}


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where dbt leaves its artifacts; what it parsed once, later commands find there."""
    return tmp_path_factory.mktemp("target")


@pytest.fixture(scope="module")
def built(database: str, target: Path) -> dict[str, Any]:
    """What `dbt build` says of each node."""
    return dbt(database, target, "build")


def test_build(database: str, built: dict[str, Any]) -> None:
    for unique_id, result in built.items():
        assert result["status"] in ("success", "pass"), (unique_id, result["message"])
    [(signals,)] = asyncio.run(rows(database, "select count(*) from public_marts.fct_signals"))
    assert signals > 0


def test_test(database: str, target: Path, built: dict[str, Any]) -> None:
    tested = dbt(database, target, "test", "--select", "fct_signals")
    assert len(tested) > 5
    assert set(tested) < set(built)
    assert {result["status"] for result in tested.values()} == {"pass"}


def test_docs(database: str, target: Path, built: dict[str, Any]) -> None:
    dbt(database, target, "docs", "generate")
    catalog = json.loads((target / "catalog.json").read_bytes())
    assert catalog["errors"] is None
    assert {unique_id for unique_id in built if unique_id.startswith("model.")} <= set(catalog["nodes"])
    assert "simplified_severity" in catalog["nodes"]["model.quality_compass.fct_signals"]["columns"]
    assert (target / "index.html").is_file()


def test_freshness(database: str, target: Path) -> None:
    fresh = dbt(database, target, "source", "freshness")
    assert len(fresh) == len(RAW_TABLES)
    assert {result["status"] for result in fresh.values()} == {"pass"}
