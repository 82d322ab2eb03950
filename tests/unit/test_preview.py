"""`compass preview`: the marts of a run without a server, and queries that reach nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from tests.support.artifacts import Artifacts
from tests.support.compass import compass
from transforms.preview import Preview, QueryFailed
from transforms.progress import NoProgress
from transforms.run import open_run
from transforms.sample import GRAPH_NAME, RUN_ID, sample_run
from transforms.signal_diff import compare

SAMPLE = str(sample_run())
CLASSIFICATIONS = "analysis/classification/classifications.jsonl"


@pytest.fixture(scope="module")
def preview() -> Iterator[Preview]:
    with closing(Preview(open_run(sample_run()), NoProgress())) as built:
        yield built


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A run with the sample's name and artifacts, to be changed."""
    return Path(shutil.copytree(sample_run(), tmp_path / GRAPH_NAME / RUN_ID))


def _edit_classifications(run: Path) -> int:
    """Lower the severity of the first signal by one, suppress the second; returns the severity before."""
    path = run / CLASSIFICATIONS
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    before: int = lines[0]["severity"]
    lines[0]["severity"] = before - 1
    lines[1]["suppressed"] = True
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return before


def test_row_counts_are_those_of_the_artifacts(preview: Preview) -> None:
    counts = preview.row_counts()
    assert counts["fct_signals"] == len(Artifacts(sample_run()).signals)
    assert all(rows > 0 for rows in counts.values()), counts
    assert preview.run_key == f"{GRAPH_NAME}/{RUN_ID}"
    assert preview.signal_types()["signals"].sum() == counts["fct_signals"]


def test_queries_find_the_marts_by_name(preview: Preview) -> None:
    rows = preview.query("select count(*) as n, min(run_id) as run_id from fct_signals")
    assert rows.to_dicts() == [{"n": preview.row_counts()["fct_signals"], "run_id": RUN_ID}]
    assert preview.query("from public_staging.stg_runs").height == 1


@pytest.mark.parametrize(
    "sql",
    [
        "select nope from fct_signals",
        "selec",
        "",
        "select interval 1 day as x",
        "select cast('x' as integer) as x",
    ],
)
def test_a_query_that_gives_no_rows_fails_with_the_reason(preview: Preview, sql: str) -> None:
    with pytest.raises(QueryFailed, match=r"the query failed: .+"):
        preview.query(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_text('{secret}')",
        "select * from '{secret}'",
        "select * from read_csv('{secret}')",
        "select * from glob('{folder}/*')",
        "copy (select 1 as x) to '{folder}/out.csv'",
        "attach '{folder}/other.duckdb'",
        "install httpfs",
        "set enable_external_access = true",
        "set lock_configuration = false",
        "select * from frame",
    ],
)
def test_queries_reach_neither_files_nor_variables(preview: Preview, tmp_path: Path, sql: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\nhidden\n")
    frame = pl.DataFrame({"a": ["hidden"]})
    assert frame.height == 1
    with pytest.raises(QueryFailed) as caught:
        preview.query(sql.format(secret=secret, folder=tmp_path))
    assert "hidden" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]


def test_the_command_shows_counts_without_warnings() -> None:
    done = compass("preview", SAMPLE, PYTHONWARNINGS="error")
    assert done.stderr == ""
    assert "fct_signals" in done.stdout
    document = compass("preview", SAMPLE, "-f", "json").json()
    assert document["run_key"] == f"{GRAPH_NAME}/{RUN_ID}"
    assert document["rows"]["fct_signals"] == sum(each["signals"] for each in document["signal_types"])
    severities = [signal["severity"] for signal in document["top_signals"]]
    assert severities == sorted(severities, reverse=True)


@pytest.mark.slow
def test_the_command_answers_queries() -> None:
    done = compass("preview", SAMPLE, "--sql", "select 1 as one, 'é' as name", "-f", "json")
    assert done.json() == [{"one": 1, "name": "é"}]
    failed = compass("preview", SAMPLE, "--sql", "select nope", check=False)
    assert failed.code == 2
    assert failed.stdout == ""
    assert "the query failed" in failed.stderr


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    assert compass("preview", str(tmp_path), check=False).code == 3
    assert compass("preview", SAMPLE, "--diff", str(tmp_path), check=False).code == 3


def test_a_broken_run_is_refused(copy: Path) -> None:
    (copy / CLASSIFICATIONS).write_text("{not json\n")
    done = compass("preview", str(copy), check=False)
    assert done.code == 1
    assert "breaks its contracts" in done.stderr


@pytest.mark.slow
def test_each_mart_is_exported_as_parquet(tmp_path: Path, preview: Preview) -> None:
    folder = tmp_path / "deep" / "marts"
    compass("preview", SAMPLE, "--export", str(folder))
    counts = preview.row_counts()
    assert {path.stem for path in folder.iterdir()} == set(counts)
    for name, rows in counts.items():
        assert pl.read_parquet(folder / f"{name}.parquet").height == rows
    written = pl.read_parquet(folder / "fct_signals.parquet").sort("entity_key")
    assert written.drop("loaded_at").equals(preview.signals().drop("loaded_at"))


@pytest.mark.slow
def test_two_runs_are_compared(copy: Path, preview: Preview) -> None:
    before = _edit_classifications(copy)
    document = compass("preview", str(copy), "--diff", SAMPLE, "-f", "json").json()
    assert (document["added"], len(document["removed"])) == ([], 1)
    (changed,) = document["changed"]
    assert changed["changes"] == {"simplified_severity": [before, before - 1]}

    with closing(Preview(open_run(copy), NoProgress())) as other:
        turned = compare(other.signals(), preview.signals())
    assert turned.added == document["removed"]
    first, second, third = turned.text().splitlines()
    assert first == "1 added, 0 removed, 1 changed"
    assert second.startswith("+ ")
    assert third.endswith(f": simplified_severity {before - 1} -> {before}")
    nothing = compare(preview.signals(), preview.signals())
    assert (nothing.added, nothing.removed, nothing.changed) == ([], [], [])


@pytest.mark.slow
def test_a_run_is_compared_with_the_published_one(copy: Path, migrated_url: str) -> None:
    none = compass("preview", SAMPLE, "--diff", "published", check=False, database_url=migrated_url)
    assert none.code == 2
    assert f"no run of graph {GRAPH_NAME} is published" in none.stderr
    compass("ingest", SAMPLE, database_url=migrated_url)
    before = _edit_classifications(copy)
    done = compass("preview", str(copy), "--diff", "published", "-f", "json", database_url=migrated_url)
    document = done.json()
    assert (document["added"], len(document["removed"])) == ([], 1)
    assert [each["changes"] for each in document["changed"]] == [
        {"simplified_severity": [before, before - 1]}
    ]
