"""dbt and the native engine on one small dbt project: the same rows, verdicts and skips, in any order."""

from __future__ import annotations

import asyncio
import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.manifests import connected, execute, rows, until
from transforms.compiled.build import COMPILE, check_manifest, compare, load_verified, save_manifest
from transforms.compiled.dbt_runner import run_dbt
from transforms.compiled.errors import DbtFailed, UnsupportedByEngines
from transforms.compiled.manifest import Manifest, dump_manifest, load_manifest, manifest_path
from transforms.compiled.slim import slim_manifest
from transforms.compiled.sources import checksums
from transforms.engines.base import Engine, Progress, Status
from transforms.engines.dbt import DbtEngine
from transforms.engines.postgres import PostgresEngine
from transforms.engines.results import read_run_results, run_results

pytestmark = pytest.mark.slow

Document = dict[str, Any]
Tables = dict[str, list[tuple[Any, ...]]]
TABLES = ("public_seeds.catalog", "public_marts.fct_totals", "public_marts.fct_best")


def copy_project(repository: Path, folder: Path) -> Path:
    """The small project with the macros of the real one."""
    project = folder / "dbt"
    shutil.copytree(repository / "tests" / "fixtures" / "tiny_dbt", project)
    shutil.copytree(repository / "dbt" / "macros", project / "macros")
    return project


@pytest.fixture(scope="module")
def project(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(repository, tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def dbt_manifest(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Document:
    """The manifest.json that dbt itself writes."""
    target = tmp_path_factory.mktemp("target")
    run = asyncio.run(run_dbt(project, COMPILE, target=target))
    run.require_success()
    return run.artifact("manifest.json")


@pytest.fixture(scope="module")
def compiled(project: Path, dbt_manifest: Document) -> Manifest:
    """The project's manifest, written where it is checked in."""
    manifest = slim_manifest(dbt_manifest, project, checksums(project))
    save_manifest(manifest, project)
    return manifest


@pytest.fixture
async def database(fresh_database_url: str) -> str:
    await execute(
        fresh_database_url,
        "create table raw (run_key text, metric text, value double precision)",
        "insert into raw values ('r1', 'a', 1), ('r1', 'b', 5), ('r1', 'zz', 9), ('r2', 'a', 7)",
        "create table building (run_key text)",
        "insert into building values ('r1')",
    )
    return fresh_database_url


async def contents(url: str) -> Tables:
    return {name: await rows(url, f"select * from {name} order by 1, 2") for name in TABLES}


async def test_the_manifest_holds_the_project_and_nothing_of_this_machine(
    compiled: Manifest, project: Path
) -> None:
    totals = compiled.nodes["model.tiny.fct_totals"]
    assert (totals.schema, totals.alias, totals.materialized) == (
        "public_marts",
        "fct_totals",
        "incremental_by_run",
    )
    assert totals.depends_on == ("model.tiny.stg_raw", "seed.tiny.catalog")
    assert totals.indexes[0].columns == ("run_key", "metric")
    assert totals.tags == ("mart",)
    assert [(each.name, each.data_type) for each in totals.columns] == [
        ("run_key", "text"),
        ("total", "double precision"),
    ]
    assert 'from "public_staging"."stg_raw" as r' in totals.compiled_sql
    text = manifest_path(project).read_text(encoding="utf-8")
    assert str(project) not in text
    assert "quality_compass" not in text, "the database's name"
    assert load_verified(project) == compiled


async def test_the_check_passes_on_a_copy_elsewhere(
    compiled: Manifest, project: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("target"))
    await check_manifest(copy)
    assert load_verified(copy) == compiled


def test_a_manifest_edited_by_hand_is_found(compiled: Manifest, tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(dump_manifest(compiled).replace("where t.total < 0", "where t.total < 1"))
    assert compare(load_manifest(path), compiled) == ["test.tiny.totals_are_positive compiles differently"]
    path.write_text(dump_manifest(compiled).replace(compiled.dbt_version, "0.0.1"))
    assert compare(load_manifest(path), compiled) == ["its metadata differs"]


async def built(engine: Engine, compiled: Manifest, url: str) -> tuple[dict[str, object], Tables]:
    """Verdict of every node and the rows of every table after a build."""
    result = await engine.build(compiled)
    return {each.node.name: (each.status, each.failures) for each in result.results}, await contents(url)


@pytest.mark.thorough
async def test_both_engines_give_the_same_and_may_take_turns(
    compiled: Manifest, project: Path, database: str
) -> None:
    dbt, native = DbtEngine(database, project=project), PostgresEngine(database, project=project)
    first = await built(dbt, compiled, database)
    theirs = json.loads((project / "target" / "run_results.json").read_bytes())
    assert await built(native, compiled, database) == first, "native on what dbt made"
    ours = await native.build(compiled, full_refresh=True)
    assert_same_shape(json.loads(json.dumps(run_results(ours))), theirs, compiled)
    assert await built(dbt, compiled, database) == first, "dbt on what native made"
    verdicts, tables = first
    assert verdicts["fct_totals"] == (Status.SUCCESS, None)
    assert verdicts["relationships_stg_raw_metric__metric__ref_catalog_"] == (Status.WARN, 1)
    assert verdicts["not_null_fct_totals_total"] == (Status.WARN, 1)
    assert tables["public_seeds.catalog"] == [("a", 'Alpha, "first"', 1.5), ("b", None, 2.0)]
    assert tables["public_marts.fct_totals"] == [
        ("r1", "a", 'Alpha, "first"', 1.5),
        ("r1", "b", None, 10.0),
        ("r1", "zz", None, None),
    ]

    # Another run comes in through one engine, then the first run changes through the other.
    await execute(database, "delete from building", "insert into building values ('r2')")
    await native.build(compiled)
    await execute(
        database,
        "update raw set value = 100 where metric = 'a'",
        "delete from raw where metric = 'b'",
        "delete from building",
        "insert into building values ('r1')",
    )
    second = await built(dbt, compiled, database)
    assert second[1]["public_marts.fct_totals"] == [
        ("r1", "a", 'Alpha, "first"', 150.0),
        ("r1", "zz", None, None),
        ("r2", "a", 'Alpha, "first"', 10.5),
    ]
    assert await built(native, compiled, database) == second


def assert_same_shape(ours: Document, theirs: Document, compiled: Manifest) -> None:
    """Our run_results.json has the keys of dbt's and says the same of every node."""
    assert set(ours) == set(theirs)
    assert set(ours["metadata"]) <= set(theirs["metadata"])
    assert ours["metadata"]["dbt_schema_version"] == theirs["metadata"]["dbt_schema_version"]
    by_id = {each["unique_id"]: each for each in theirs["results"]}
    assert {each["unique_id"] for each in ours["results"]} == set(by_id)
    for each in ours["results"]:
        other = by_id[each["unique_id"]]
        assert set(each) == set(other)
        same = ("status", "failures", "compiled")
        assert {key: each[key] for key in same} == {key: other[key] for key in same}
        assert {step["name"] for step in each["timing"]} <= {step["name"] for step in other["timing"]}
    statuses = {each.node.unique_id: str(each.status) for each in read_run_results(ours, compiled)}
    assert statuses == {unique_id: other["status"] for unique_id, other in by_id.items()}


@pytest.mark.parametrize("engine_type", [DbtEngine, PostgresEngine])
async def test_both_engines_skip_below_a_failed_test(
    engine_type: type[DbtEngine | PostgresEngine], compiled: Manifest, project: Path, database: str
) -> None:
    await execute(database, "insert into raw values ('r1', null, 1)")
    seen: list[Progress] = []
    result = await engine_type(database, project=project).build(
        compiled, select=["stg_build_scope+"], exclude=["fct_best"], on_progress=seen.append
    )
    statuses = {each.node.name: each.status for each in result.results}
    assert statuses.pop("stg_build_scope") is Status.SUCCESS
    assert statuses.pop("stg_raw") is Status.SUCCESS
    assert statuses.pop("not_null_stg_raw_metric") is Status.FAIL
    # The seed is not selected and so not there.
    assert statuses.pop("relationships_stg_raw_metric__metric__ref_catalog_") is Status.ERROR
    assert statuses["fct_totals"] is Status.SKIPPED
    assert set(statuses.values()) == {Status.SKIPPED}
    assert len(statuses) == 4
    finished = {each.node.name: each.result.status for each in seen if each.node and each.result}
    assert finished == {each.node.name: each.status for each in result.results}
    assert seen[-1].done == seen[-1].total == len(result.results)


async def test_a_cancelled_dbt_build_ends_its_process_and_its_queries(
    compiled: Manifest, project: Path, database: str
) -> None:
    waits = "from pg_stat_activity where application_name = 'dbt' and wait_event_type = 'Lock'"
    async with connected(database) as blocker, blocker.transaction():
        await blocker.execute("lock table building")
        task = asyncio.create_task(DbtEngine(database, project=project).build(compiled))
        await until(database, f"select count(*) > 0 {waits}", 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 30)
        await until(database, "select count(*) = 0 from pg_stat_activity where application_name = 'dbt'")


async def test_dbts_own_errors_come_through(repository: Path, tmp_path: Path) -> None:
    project = copy_project(repository, tmp_path)
    (project / "models" / "bad.sql").write_text("select * from {{ ref('nowhere') }}")
    with pytest.raises(DbtFailed, match="depends on a node named 'nowhere'"):
        await run_dbt(project, ["parse"], target=tmp_path / "target")


@pytest.mark.parametrize(
    ("unique_id", "change", "construct"),
    [
        ("model.tiny.stg_raw", {"config": {"materialized": "incremental"}}, "materialized='incremental'"),
        (
            "model.tiny.stg_raw",
            {"config": {"post-hook": [{"sql": "select {{ this }}", "transaction": True}]}},
            "a hook with Jinja",
        ),
        (
            "model.tiny.stg_raw",
            {"config": {"pre-hook": [{"sql": "vacuum", "transaction": False}]}},
            "a hook outside the transaction",
        ),
        ("model.tiny.fct_best", {"contract": {"enforced": True}}, "an enforced contract"),
        ("model.tiny.fct_best", {"config": {"unlogged": True}}, "the configuration unlogged"),
        ("model.tiny.fct_best", {"resource_type": "snapshot"}, "a snapshot"),
        ("test.tiny.totals_are_positive", {"config": {"store_failures": True}}, "store_failures"),
        (
            "seed.tiny.catalog",
            {"config": {"column_types": {"metric": "text", "label": "text"}}},
            "a seed whose column weight has a guessed type",
        ),
    ],
)
def test_what_only_dbt_can_run_is_refused_with_its_name(
    dbt_manifest: Document, project: Path, unique_id: str, change: Document, construct: str
) -> None:
    document = copy.deepcopy(dbt_manifest)
    node = document["nodes"][unique_id]
    for key, value in change.items():
        node[key] = node[key] | value if isinstance(value, dict) else value
    with pytest.raises(UnsupportedByEngines) as caught:
        slim_manifest(document, project, {})
    assert caught.value.unique_id == unique_id
    assert caught.value.file_path == node["original_file_path"]
    assert construct in caught.value.message


def test_a_slim_manifest_is_the_same_after_another_compilation(
    dbt_manifest: Document, compiled: Manifest, project: Path
) -> None:
    document = copy.deepcopy(dbt_manifest)
    for node in document["nodes"].values():
        node |= {"created_at": 1.0, "relation_name": '"other"."a"."b"', "database": "other"}
    document["nodes"] = dict(reversed(document["nodes"].items()))
    assert dump_manifest(slim_manifest(document, project, compiled.files)) == dump_manifest(compiled)
