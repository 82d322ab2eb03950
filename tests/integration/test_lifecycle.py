"""Load, publish, roll back, compare and prune: what each changes, and what it leaves alone."""

from __future__ import annotations

import getpass
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from backend.errors import RunNotBuilt
from tests.api.hydrating import documents_by_id
from tests.support.compass import compass
from tests.support.lifecycle import (
    GRAPH,
    A,
    B,
    Baseline,
    clone,
    ingest,
    make_baseline,
    orphaned,
    snapshot,
    state,
)
from tests.support.manifests import connected, execute, rows
from tests.support.run_copies import RunCopy
from transforms.checksum import run_checksum
from transforms.engines.errors import BuildFailed
from transforms.lifecycle.build import RunNotLoaded, build_named
from transforms.lifecycle.diff import RunHasNoMarts, diff_runs
from transforms.lifecycle.ingest import load_only
from transforms.lifecycle.prune import GraphUnknown, prune
from transforms.lifecycle.publish import publish_named
from transforms.lifecycle.published import PublishedRunProtected
from transforms.lifecycle.rollback import GraphUnclear, NothingToRollBackTo, rollback
from transforms.progress import Advance, NoProgress
from transforms.run import open_run
from transforms.synth import generate_run
from transforms.synth.corruptions.artifacts import CLASSIFICATIONS

pytestmark = pytest.mark.slow

QUIET = NoProgress()
C = f"{GRAPH}/20260501070000"
DIGESTS = """
select table_schema || '.' || table_name
from information_schema.columns
where column_name = 'run_key' and (table_schema like 'public\\_%' or table_name like 'raw\\_%')
    and table_name not like 'stg\\_%'
order by 1
"""


@pytest.fixture(scope="module")
def baseline(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Baseline:
    return make_baseline(database_url, tmp_path_factory.mktemp("runs"))


@pytest.fixture
def database(baseline: Baseline) -> Iterator[str]:
    with clone(baseline.url) as url:
        yield url


@pytest.fixture
def copies(baseline: Baseline, tmp_path: Path) -> dict[str, RunCopy]:
    """Both runs, to be changed."""
    shutil.copytree(baseline.a.path.parent, tmp_path / GRAPH)
    return {run_key: RunCopy(tmp_path / run_key) for run_key in (A, B)}


async def digests(database_url: str, run_key: str) -> dict[str, tuple[int, str]]:
    """Number and checksum of the rows of a run in each raw table, model and mart."""
    found = {}
    async with connected(database_url) as connection:
        for (table,) in await rows(database_url, DIGESTS):
            row = await connection.fetchrow(
                f"select count(*), coalesce(md5(string_agg(t::text, '|' order by t::text)), '') "
                f"from {table} t where run_key = $1",
                run_key,
            )
            assert row is not None
            found[table] = (row[0], row[1])
    return found


async def test_rollback_and_publish_again_keep_ids_assignments_and_texts(
    database: str, baseline: Baseline
) -> None:
    at_a = await snapshot(database)
    done = await ingest(database, baseline.b)
    assert done.hydration is not None
    assert (done.hydration.created, done.hydration.deactivated) == (1, 1)
    at_b = await snapshot(database)
    assert at_b["assignments"] == at_a["assignments"]
    assert len(at_b["events"]) > len(at_a["events"])

    run_key, _ = await rollback(database, None, QUIET)
    assert run_key == A
    assert (await state(database, A), await state(database, B)) == (("published", None), ("superseded", None))
    back = await snapshot(database)
    for kept in ("assignments", "marts", "contributions"):
        assert back[kept] == at_a[kept]
    only_in_b = f"select id from public.signals where run_key = '{B}'"
    [(gone,)] = await rows(database, only_in_b)
    assert [row for row in back["signals"] if str(gone) not in row[0]] == at_a["signals"]
    assert await rows(database, f"select active from public.signals where id = '{gone}'") == [(False,)]

    run_key, _ = await rollback(database, GRAPH, QUIET)
    assert run_key == B
    again = await snapshot(database)
    assert {**again, "events": []} == {**at_b, "events": []}
    # However often a run is published, a signal is new once; and nothing is told twice.
    new = (
        "select count(*), count(distinct signal_id) from public.activity_events "
        "where event_type = 'new_signal'"
    )
    [(events, signals)] = await rows(database, new)
    assert events == signals == len(again["signals"])
    compass("publish", B, database_url=database)
    assert await snapshot(database) == again


async def test_rollback_says_what_it_lacks(database: str, baseline: Baseline) -> None:
    with pytest.raises(NothingToRollBackTo, match=GRAPH):
        await rollback(database, None, QUIET)
    with pytest.raises(GraphUnclear, match="no run of graph 'other' was ever published"):
        await rollback(database, "other", QUIET)
    await execute(
        database,
        "insert into public.runs (run_key, graph_name, run_id, state, published_at) "
        "values ('other/1', 'other', '1', 'published', now())",
    )
    failed = compass("rollback", database_url=database, check=False)
    assert failed.code == 2
    assert "several graphs have published runs: other, synthetic" in failed.stderr
    assert "--graph NAME" in failed.stderr


async def test_diff_shows_what_a_run_changed(database: str, baseline: Baseline) -> None:
    await ingest(database, baseline.b)
    before, after, differences = await diff_runs(database, A, B)
    assert (before, after) == (A, B)
    assert [len(each) for each in (differences.added, differences.removed, differences.changed)] == [1, 1, 1]
    [changed] = differences.changed
    [(old,)] = await rows(
        database,
        f"select simplified_severity from public_marts.fct_signals "
        f"where run_key = '{A}' and entity_key = '{changed['entity_key']}'",
    )
    assert changed["changes"]["simplified_severity"] == (old, 97)
    text = compass("runs", "diff", A, B, database_url=database).stdout
    assert text.startswith(f"{A} -> {B}: 1 added, 1 removed, 1 changed\n")
    assert f"simplified_severity {old} -> 97" in text
    await execute(database, f"update public.runs set state = 'failed' where run_key = '{A}'")
    with pytest.raises(RunHasNoMarts, match=f"{A} is failed and has no signals to compare"):
        await diff_runs(database, A, B)


async def test_diff_of_a_run_with_itself_is_empty(database: str, baseline: Baseline) -> None:
    document = compass("runs", "diff", A, A, "--format", "json", database_url=database).json()
    assert document == {"before": A, "after": A, "added": [], "removed": [], "changed": []}


async def test_prune_deletes_whole_runs_and_nothing_else(database: str, baseline: Baseline) -> None:
    await ingest(database, baseline.b)
    await execute(
        database,
        "insert into public.runs (run_key, graph_name, run_id, state) "
        f"values ('{GRAPH}/1', '{GRAPH}', '1', 'failed'), ('other/1', 'other', '1', 'failed')",
    )
    before, rows_of_b = await snapshot(database), await digests(database, B)
    planned = await prune(database, 1, GRAPH, dry_run=True)
    assert planned.pruned == [f"{GRAPH}/1"]
    assert await snapshot(database) == before
    with pytest.raises(GraphUnknown):
        await prune(database, 0, "nosuch")

    async with connected(database) as other:
        await other.execute("select pg_advisory_lock($1, hashtext($2))", 0x51C1, A)
        busy = compass("runs", "prune", "--keep", "0", "--graph", GRAPH, database_url=database)
    assert busy.stdout == f"deleted {GRAPH}/1\n"
    assert busy.stderr == f"left {A}: another command is working on it\n"

    result = await prune(database, 0)
    assert (result.pruned, result.busy) == (["other/1", A], [])
    after = await snapshot(database)
    assert after == {**before, "runs": [(B, "published")]}
    assert await digests(database, B) == rows_of_b
    assert {count for count, _ in (await digests(database, A)).values()} == {0}


async def test_loading_replaces_a_run_and_touches_no_other(database: str, copies: dict[str, RunCopy]) -> None:
    served = await digests(database, A)
    run = open_run(copies[B].path)
    first = await load_only(database, run, progress=QUIET, skip_preflight=True)
    before = await digests(database, B)
    copies[B].edit_lines(CLASSIFICATIONS, lambda lines: lines[:-1])
    second = await load_only(database, run, progress=QUIET, skip_preflight=True)
    after = await digests(database, B)
    name = "raw_classifications"
    assert second.row_counts == {**first.row_counts, name: first.row_counts[name] - 1}
    assert {table: after[table][0] for table in after} == {
        table: count - (table == f"public.{name}") for table, (count, _) in before.items()
    }
    assert await digests(database, A) == served
    assert await state(database, B) == ("loaded", None)


async def test_files_that_change_while_they_are_loaded_are_not_taken_for_what_was_loaded(
    database: str, copies: dict[str, RunCopy]
) -> None:
    """A file changes as soon as its rows are read: what the registry keeps is of the files before."""

    class ChangedOnce(NoProgress):
        @contextmanager
        def step(self, name: str, total: int | None = None) -> Iterator[Advance]:
            yield lambda amount: None
            if name == "Reading":
                copies[B].edit_lines(CLASSIFICATIONS, lambda lines: lines[:-1])

    run = open_run(copies[B].path)
    before = run_checksum(run.path)
    await load_only(database, run, progress=ChangedOnce(), skip_preflight=True)
    assert run_checksum(run.path) != before
    assert await rows(database, f"select checksum from public.runs where run_key = '{B}'") == [(before,)]


@pytest.mark.parametrize("run_key", [A, B])
async def test_a_load_that_fails_halfway_leaves_everything_as_it_was(
    database: str, baseline: Baseline, run_key: str
) -> None:
    before = {key: await digests(database, key) for key in (A, B)}
    last = (await snapshot(database))["runs"]
    await execute(
        database,
        "alter table public.raw_contributions add constraint no_more "
        f"check (run_key <> '{run_key}' or line_number < 2) not valid",
    )
    with pytest.raises(asyncpg.CheckViolationError):
        await ingest(database, baseline.runs[run_key], force=True)
    assert {key: await digests(database, key) for key in (A, B)} == before
    now, error = await state(database, run_key)
    assert now == ("published" if run_key == A else "failed")
    assert error is not None
    assert "no_more" in error
    assert [row for row in (await snapshot(database))["runs"] if row[0] != B] == last
    await execute(database, "alter table public.raw_contributions drop constraint no_more")
    assert (await ingest(database, baseline.runs[run_key], force=True)).hydration is not None
    assert await state(database, run_key) == ("published", None)


async def test_a_build_that_fails_leaves_the_published_run_serving(
    database: str, baseline: Baseline, copies: dict[str, RunCopy]
) -> None:
    before = await snapshot(database)
    broken = orphaned(copies[B])
    failed = compass("ingest", str(broken.path), "--skip-preflight", database_url=database, check=False)
    assert failed.code == 1
    test = "relationships_in_run_stg_classifications_entity_key"
    assert test in failed.stderr
    shown = compass("runs", "show", B, database_url=database).stdout
    assert "state:           failed" in shown
    assert "error:           the build failed: 1 of the models and tests failed" in shown
    assert test in shown
    assert await snapshot(database) == {**before, "runs": [(A, "published"), (B, "failed")]}
    with pytest.raises(RunNotBuilt):
        await publish_named(database, B, QUIET)
    await ingest(database, baseline.b)
    assert await state(database, B) == ("published", None)


@pytest.mark.parametrize("now", ["published", "superseded"])
async def test_a_rebuild_that_fails_keeps_the_run_as_it_was(
    database: str, baseline: Baseline, copies: dict[str, RunCopy], now: str
) -> None:
    if now == "superseded":
        await ingest(database, baseline.b)
    before, rows_before = await snapshot(database), await digests(database, A)
    with pytest.raises(BuildFailed):
        await ingest(database, orphaned(copies[A]))
    assert await snapshot(database) == before
    assert await digests(database, A) == rows_before
    assert (await state(database, A))[0] == now
    assert "The run is kept as it was before" in str((await state(database, A))[1])
    # The registry still knows which files the rows came from.
    again = await ingest(database, baseline.a)
    assert again.unchanged == (now == "published")
    assert again.build is None


async def test_a_published_run_changes_only_by_being_published_again(
    database: str, baseline: Baseline
) -> None:
    before = await snapshot(database)
    with pytest.raises(PublishedRunProtected, match="its rows and its marts change together"):
        await load_only(database, open_run(baseline.a.path), progress=QUIET)
    with pytest.raises(PublishedRunProtected, match="what is built of it is served at once"):
        await ingest(database, baseline.a, force=True, publish=False)
    with pytest.raises(PublishedRunProtected, match="dbt changes marts model by model"):
        await build_named(database, [A], engine="dbt", progress=QUIET)
    run_keys, builds = await build_named(database, [A], engine="native", progress=QUIET)
    assert run_keys == [A]
    assert all(build.succeeded for build in builds)
    assert await snapshot(database) == before


async def _documents(database_url: str) -> dict[str, asyncpg.Record]:
    async with connected(database_url) as opened:
        return await documents_by_id(opened)


async def test_a_signal_that_leaves_keeps_its_documents_when_its_run_is_pruned(
    database: str, baseline: Baseline
) -> None:
    shown = await _documents(database)
    await ingest(database, baseline.b)
    assert (await prune(database, 0)).pruned == [A]
    ((gone,),) = await rows(database, "select id::text from public.signals where not active")
    assert shown[gone]["metric_trend_timeline"] is not None
    assert (await _documents(database))[gone] == shown[gone]


async def test_a_signal_that_its_own_run_no_longer_has_keeps_its_documents(
    database: str, copies: dict[str, RunCopy]
) -> None:
    shown = await _documents(database)
    copies[A].edit_lines(CLASSIFICATIONS, lambda lines: lines[1:])
    done = await ingest(database, copies[A])
    assert done.hydration is not None
    assert done.hydration.deactivated == 1
    ((gone,),) = await rows(database, "select id::text from public.signals where not active")
    assert shown[gone]["metric_trend_timeline"] is not None
    assert (await _documents(database))[gone] == shown[gone]


async def test_a_run_is_done_again_though_its_marts_are_gone(
    database: str, copies: dict[str, RunCopy]
) -> None:
    # As after a restore without marts.
    await execute(database, "drop schema public_marts cascade")
    copies[A].edit_lines(CLASSIFICATIONS, lambda lines: lines[1:])
    done = await ingest(database, copies[A])
    assert done.hydration is not None
    assert done.hydration.deactivated == 1
    active = {each for (each,) in await rows(database, "select id::text from public.signals where active")}
    shown = await _documents(database)
    assert {each for each, documents in shown.items() if documents["metadata"] is not None} == active


async def test_a_run_whose_load_never_succeeded_is_not_built(database: str, baseline: Baseline) -> None:
    await execute(
        database,
        "insert into public.runs (run_key, graph_name, run_id, state) "
        f"values ('{B}', '{GRAPH}', '20260401070000', 'loading')",
    )
    with pytest.raises(RunNotLoaded, match=f"{B} was never loaded"):
        await build_named(database, [B], engine="native", progress=QUIET)
    assert await state(database, B) == ("failed", "the load was interrupted")


async def test_the_registry_says_who_did_it_and_what_the_check_found(database: str, tmp_path: Path) -> None:
    path = str(generate_run(tmp_path, run_id=C.split("/")[1], facilities=20))
    compass("ingest", path, "--no-publish", database_url=database, COMPASS_USER="dana")
    loaded = compass("runs", "show", C, "--format", "json", database_url=database).json()
    assert (loaded["loaded_by"], loaded["published_by"]) == ("dana", None)
    report = compass("preflight", path, "--format", "json").json()["summary"]
    counted = loaded["preflight"]
    assert counted["rules_run"] == report["rules_run"] > 0
    assert (counted["errors"], counted["warnings"]) == (report["errors"], report["warnings"])

    compass("publish", C, database_url=database, COMPASS_USER="kim")
    shown = compass("runs", "show", C, database_url=database).stdout
    assert "loaded_by:       dana\n" in shown
    assert "published_by:    kim\n" in shown
    assert f"  rules_run                    {counted['rules_run']}\n" in shown
    # A run that is done again is somebody else's work.
    compass("ingest", path, "--force", "--skip-preflight", database_url=database, COMPASS_USER="lee")
    again = compass("runs", "show", C, "--format", "json", database_url=database).json()
    assert (again["loaded_by"], again["published_by"]) == ("lee", "lee")
    assert 0 < again["preflight"]["rules_run"] < counted["rules_run"]
    # Nobody named: the user of the operating system.
    compass("rollback", database_url=database)
    served = compass("runs", "show", A, "--format", "json", database_url=database).json()
    assert served["published_by"] == getpass.getuser()


async def test_stopping_before_the_publish_keeps_an_earlier_run_where_it_is(
    database: str, baseline: Baseline
) -> None:
    await ingest(database, baseline.b, publish=False)
    assert (await state(database, A), await state(database, B)) == (("published", None), ("built", None))
    await ingest(database, baseline.b)
    assert await state(database, B) == ("published", None)
    await ingest(database, baseline.a, force=True, publish=False)
    assert (await state(database, A), await state(database, B)) == (("superseded", None), ("published", None))
