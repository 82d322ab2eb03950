"""dbt and the native engine on one small dbt project: the same rows, verdicts and skips, in any order."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from tests.support.manifests import execute, rows, until
from transforms.compiled.build import check_manifest, compile_manifest, load_verified, write_manifest
from transforms.compiled.dbt_runner import run_dbt
from transforms.compiled.errors import DbtFailed, ManifestOutOfDate, UnsupportedByEngines
from transforms.compiled.manifest import Manifest, dump_manifest, manifest_path
from transforms.engines.base import Engine, Progress, Status
from transforms.engines.dbt import DbtEngine
from transforms.engines.postgres import PostgresEngine
from transforms.engines.results import read_run_results, run_results

pytestmark = pytest.mark.slow

TABLES = ("public_seeds.catalog", "public_marts.fct_totals", "public_marts.fct_best")


def copy_project(repository: Path, folder: Path) -> Path:
    """The small project with the macros of the real one."""
    project = folder / "dbt"
    shutil.copytree(repository / "tests" / "fixtures" / "tiny_dbt", project)
    return project


@pytest.fixture(scope="module")
def project(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(repository, tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def compiled(project: Path) -> Manifest:
    """The project's manifest, compiled once and written where it is checked in."""
    return asyncio.run(write_manifest(project))


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


async def contents(url: str) -> dict[str, list[tuple[object, ...]]]:
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


async def test_compiling_again_gives_the_same_bytes_and_the_check_passes(
    compiled: Manifest, project: Path, repository: Path, tmp_path: Path
) -> None:
    elsewhere = copy_project(repository, tmp_path)
    assert dump_manifest(await compile_manifest(elsewhere)) == dump_manifest(compiled)
    await check_manifest(project)


async def test_a_manifest_edited_by_hand_is_found_by_compiling(
    compiled: Manifest, project: Path, tmp_path: Path
) -> None:
    edited = tmp_path / "dbt"
    shutil.copytree(project, edited)
    path = manifest_path(edited)
    path.write_text(path.read_text().replace("where t.total < 0", "where t.total < 1"))
    with pytest.raises(ManifestOutOfDate) as caught:
        await check_manifest(edited)
    assert caught.value.differences == ("test.tiny.totals_are_positive compiles differently",)


@pytest.mark.parametrize(("first", "second"), [(DbtEngine, PostgresEngine), (PostgresEngine, DbtEngine)])
async def test_both_engines_give_the_same_and_may_take_turns(
    first: type[DbtEngine | PostgresEngine],
    second: type[DbtEngine | PostgresEngine],
    compiled: Manifest,
    project: Path,
    database: str,
) -> None:
    engines: list[Engine] = [each(database, project=project) for each in (first, second)]
    seen = []
    for engine in engines:
        result = await engine.build(compiled)
        seen.append(
            (
                {each.node.unique_id: (each.status, each.failures) for each in result.results},
                await contents(database),
            )
        )
    assert seen[0] == seen[1]
    verdicts, tables = seen[0]
    assert verdicts["model.tiny.fct_totals"] == (Status.SUCCESS, None)
    assert [status for status, _ in verdicts.values()].count(Status.WARN) == 2
    assert tables["public_seeds.catalog"] == [("a", 'Alpha, "first"', 1.5), ("b", None, 2.0)]
    assert tables["public_marts.fct_totals"] == [
        ("r1", "a", 'Alpha, "first"', 1.5),
        ("r1", "b", None, 10.0),
        ("r1", "zz", None, None),
    ]

    # The next run comes in through the other engine, then the first run changes through the first.
    await execute(database, "delete from building", "insert into building values ('r2')")
    await engines[0].build(compiled)
    await execute(
        database,
        "update raw set value = 100 where metric = 'a'",
        "delete from raw where metric = 'b'",
        "delete from building",
        "insert into building values ('r1')",
    )
    await engines[1].build(compiled)
    assert (await contents(database))["public_marts.fct_totals"] == [
        ("r1", "a", 'Alpha, "first"', 150.0),
        ("r1", "zz", None, None),
        ("r2", "a", 'Alpha, "first"', 10.5),
    ]


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


async def test_results_have_the_shape_of_dbts(compiled: Manifest, project: Path, database: str) -> None:
    await DbtEngine(database, project=project).build(compiled)
    theirs = json.loads((project / "target" / "run_results.json").read_bytes())
    built = await PostgresEngine(database, project=project).build(compiled)
    ours = json.loads(json.dumps(run_results(built)))
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
    again = read_run_results(ours, compiled)
    assert {(each.node.name, each.status) for each in again} == {
        (each.node.name, each.status) for each in built.results
    }


async def test_a_cancelled_dbt_build_ends_its_process_and_its_queries(
    repository: Path, database: str, tmp_path: Path
) -> None:
    project = copy_project(repository, tmp_path)
    (project / "models" / "slow.sql").write_text(
        "{{ config(materialized='table') }} select 1 as x from pg_sleep(60)"
    )
    manifest = await write_manifest(project)
    task = asyncio.create_task(DbtEngine(database, project=project).build(manifest, select=["slow"]))
    asleep = "from pg_stat_activity where wait_event = 'PgSleep'"
    await until(database, f"select count(*) > 0 {asleep}", 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 30)
    await until(database, f"select count(*) = 0 {asleep}")
    assert await rows(database, "select relname from pg_class where relname = 'slow'") == []


@pytest.mark.parametrize(
    ("path", "text", "construct"),
    [
        (
            "models/bad.sql",
            "{{ config(materialized='incremental') }} select 1 as x",
            "materialized='incremental'",
        ),
        ("models/bad.sql", "{{ config(post_hook='select {{ this }}') }} select 1 as x", "a hook with Jinja"),
        ("seeds/bad.csv", "x\n1\n", "a seed whose column x has a guessed type"),
    ],
)
async def test_what_only_dbt_can_run_is_refused_at_compile_time(
    repository: Path, tmp_path: Path, path: str, text: str, construct: str
) -> None:
    project = copy_project(repository, tmp_path)
    (project / path).write_text(text)
    with pytest.raises(UnsupportedByEngines) as caught:
        await write_manifest(project)
    assert caught.value.file_path == path
    assert construct in caught.value.message
    assert not manifest_path(project).exists()


async def test_dbts_own_errors_come_through(repository: Path, tmp_path: Path) -> None:
    project = copy_project(repository, tmp_path)
    (project / "models" / "bad.sql").write_text("select * from {{ ref('nowhere') }}")
    with pytest.raises(DbtFailed, match="depends on a node named 'nowhere'"):
        await run_dbt(project, ["parse"], target=tmp_path / "target")
