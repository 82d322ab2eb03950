"""dbt and the native engine on PostgreSQL and DuckDB make the same rows of the same runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from contracts.run_data import RunData
from tests.parity.runs import FIRST, NAMES, SECOND, nasty_runs
from tests.support.compass import compass
from transforms.compiled.build import load_verified
from transforms.compiled.manifest import PROJECT
from transforms.parity.check import build_in_duckdb, build_in_postgres, check_parity, compare_all
from transforms.parity.compare import Comparison
from transforms.preflight import preflight
from transforms.progress import NoProgress
from transforms.run import Run, open_run
from transforms.sample import sample_run
from transforms.transpile.portable import check_portable

pytestmark = pytest.mark.slow

Runs = list[tuple[Run, RunData]]


def _staged(directories: Sequence[Path]) -> Runs:
    found = []
    for directory in directories:
        run = open_run(directory)
        data, report = preflight(run, NoProgress(), rules=False)
        assert report.ok, [str(finding) for finding in report.findings[:5]]
        found.append((run, data))
    return found


def _assert_equal(compared: Sequence[Comparison]) -> None:
    for comparison in compared:
        assert comparison.equal, comparison.text()
        assert comparison.rows["fct_signals"] > 0
        assert sum(rows > 0 for rows in comparison.rows.values()) > len(comparison.rows) / 2


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return _staged(nasty_runs(tmp_path_factory.mktemp("runs")))


async def test_every_engine_agrees_on_the_sample_run(database_url: str) -> None:
    compared = await check_parity(database_url, _staged([sample_run()]), NoProgress())
    assert [(each.left, each.right) for each in compared] == [("native", "duckdb"), ("native", "dbt")]
    _assert_equal(compared)
    assert compared[0].rows == compared[1].rows


async def test_every_engine_agrees_on_two_nasty_runs_at_once(database_url: str, nasty: Runs) -> None:
    _assert_equal(await check_parity(database_url, nasty, NoProgress()))


async def test_nasty_runs_are_nasty(nasty: Runs) -> None:
    manifest = load_verified(PROJECT)
    built = await build_in_duckdb(manifest, check_portable(manifest), nasty, NoProgress())
    signals = built["fct_signals"].rows
    assert {row["run_id"] for row in signals} == {FIRST, SECOND}
    assert len({row["metric_id"] for row in signals}) == 2
    written = " ".join(
        str(row[column]) for row in signals for column in ("facility", "system_name", "group_value")
    )
    assert all(name in written for name in NAMES)
    for column in ("simple_zscore", "robust_zscore", "encounters", "coefficient_of_variation", "slope"):
        missing = [row[column] is None for row in signals]
        assert any(missing), column
        assert not all(missing), column
    assert any("null" in row["monthly_z_scores"] for row in signals if row["monthly_z_scores"])
    entities = built["stg_entity_results"].rows
    assert len(signals) < len(entities)
    contributions = {row["run_id"] for row in built["fct_contributions"].rows}
    assert contributions == {FIRST}


async def test_engines_agree_on_reference_runs(database_url: str, shared_folder: Path) -> None:
    runs = sorted((shared_folder / "runs").glob("*/*"))
    _assert_equal(await check_parity(database_url, _staged(runs), NoProgress(), with_dbt=False))


async def test_another_sql_for_one_engine_is_caught(database_url: str) -> None:
    manifest = load_verified(PROJECT)
    runs = _staged([sample_run()])
    node = manifest.nodes["model.quality_compass.fct_signals"]
    changed = node.compiled_sql.replace(
        "cast(methods.peer_mean as double precision)",
        "cast(methods.peer_mean * 1.000001 as double precision)",
    )
    assert changed != node.compiled_sql
    altered = msgspec.structs.replace(
        manifest, nodes=manifest.nodes | {node.unique_id: msgspec.structs.replace(node, sql=changed)}
    )
    native = (await build_in_postgres(database_url, manifest, runs, NoProgress(), with_dbt=False))["native"]
    other = await build_in_duckdb(altered, check_portable(altered), runs, NoProgress())
    compared = compare_all(manifest, ("native", "duckdb"), native, other)
    assert not compared.equal
    assert {(each.model, each.column) for each in compared.differences} == {("fct_signals", "peer_mean")}

    # The same rows twice: what is declared to differ does not, which is an error as well.
    again = compare_all(manifest, ("native", "duckdb"), native, native)
    assert (again.differences, again.closed, again.equal) == ([], ["loaded_at"], False)


async def test_a_row_that_one_engine_alone_makes_is_caught() -> None:
    manifest = load_verified(PROJECT)
    runs = _staged([sample_run()])
    native = await build_in_duckdb(manifest, check_portable(manifest), runs, NoProgress())
    fewer = native | {"dim_metrics": replace(native["dim_metrics"], rows=native["dim_metrics"].rows[1:])}
    compared = compare_all(manifest, ("native", "dbt"), native, fewer)
    assert [(each.model, each.column) for each in compared.differences] == [("dim_metrics", None)]


def test_the_command_compares_and_says_so(database_url: str) -> None:
    done = compass("parity", str(sample_run()), "--without-dbt", "-f", "json", database_url=database_url)
    (document,) = done.json()
    assert document["equal"] is True
    assert (document["left"], document["right"]) == ("native", "duckdb")
    assert document["rows"]["fct_signals"] > 0
    assert document["differences"] == document["closed"] == []


def test_a_directory_that_is_no_run_is_refused(tmp_path: Path, database_url: str) -> None:
    assert compass("parity", str(tmp_path), check=False, database_url=database_url).code == 3
