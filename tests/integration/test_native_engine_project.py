"""The real dbt project: its checked-in manifest is current, and both engines make the same of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.manifests import connected, rows
from transforms.compiled.build import check_manifest, load_verified
from transforms.compiled.dag import Dag
from transforms.compiled.manifest import PROJECT, Manifest
from transforms.copy import copy_run, create_raw_tables
from transforms.engines.dbt import DbtEngine
from transforms.engines.postgres import PostgresEngine
from transforms.run import open_run
from transforms.sample import sample_run
from transforms.stage import stage_run

pytestmark = pytest.mark.slow

RUNS_TABLE = """
    create table public.runs (
        run_key text primary key, graph_name text, run_id text, state text, source_path text, checksum text,
        row_counts jsonb, durations jsonb, error text, created_at timestamptz default now(),
        loaded_at timestamptz default '2026-01-01', built_at timestamptz, published_at timestamptz,
        updated_at timestamptz default now()
    )"""


@pytest.fixture(scope="module")
def project_manifest() -> Manifest:
    return load_verified(PROJECT)


async def load(url: str, folder: Path) -> None:
    """The raw rows of a run, and its entry in the registry as the models read it."""
    run = open_run(folder)
    data = stage_run(run)
    async with connected(url) as connection:
        await connection.execute("set timezone to 'UTC'")
        await create_raw_tables(connection)
        await connection.execute(RUNS_TABLE)
        await copy_run(connection, data)
        await connection.execute(
            "insert into runs (run_key, graph_name, run_id, state) values ($1, $2, $3, 'building')",
            run.run_key,
            run.graph_name,
            run.run_id,
        )


async def contents(url: str, manifest: Manifest) -> dict[str, list[str]]:
    """Every row of every model and seed as text, whatever their order; load times are not compared."""
    found = {}
    for node in manifest.nodes.values():
        if node.resource_type != "test":
            relation = f'"{node.schema}"."{node.alias}"'
            query = f"select (to_jsonb(t) - 'loaded_at')::text from {relation} as t order by 1"
            found[node.name] = [row[0] for row in await rows(url, query)]
    return found


async def test_the_checked_in_manifest_is_what_dbt_compiles() -> None:
    await check_manifest(PROJECT)


def test_every_incremental_model_depends_on_the_build_scope(project_manifest: Manifest) -> None:
    dag = Dag(project_manifest)
    (scope,) = [each.unique_id for each in project_manifest.nodes.values() if each.name == "stg_build_scope"]
    for node in project_manifest.nodes.values():
        if node.materialized == "incremental_by_run" and node.unique_id != scope:
            assert scope in dag.ancestors(node.unique_id), node.name


@pytest.mark.thorough
async def test_both_engines_make_the_same_of_a_run(
    project_manifest: Manifest, fresh_database_url: str
) -> None:
    run = sample_run()
    assert run.is_dir(), "the sample run ships with the product"
    await load(fresh_database_url, run)
    native = await PostgresEngine(fresh_database_url).build(project_manifest)
    native.raise_for_problems()
    ours = await contents(fresh_database_url, project_manifest)
    assert ours["fct_signals"]

    async with connected(fresh_database_url) as connection:
        for schema in sorted({node.schema for node in project_manifest.nodes.values()}):
            await connection.execute(f'drop schema if exists "{schema}" cascade')
    dbt = await DbtEngine(fresh_database_url).build(project_manifest)
    dbt.raise_for_problems()
    theirs = await contents(fresh_database_url, project_manifest)
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert ours[name] == theirs[name], name
    verdicts = [{each.node.unique_id: each.status for each in result.results} for result in (native, dbt)]
    assert verdicts[0] == verdicts[1]
