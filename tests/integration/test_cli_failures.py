"""How commands end when they fail: what stdout and stderr get, and the exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.compass import compass, environment
from transforms.sample import sample_run
from transforms.synth import generate_run

SAMPLE = str(sample_run())


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run whose classifications are no JSON."""
    run = generate_run(tmp_path_factory.mktemp("broken"), facilities=2)
    (run / "analysis/classification/classifications.jsonl").write_text("{not json\n")
    return str(run)


@pytest.mark.parametrize("command", ["ingest", "load", "preview"])
def test_a_run_that_breaks_contracts_gets_its_report(command: str, broken: str, migrated_url: str) -> None:
    asked = compass(command, broken, "-f", "json", check=False, database_url=migrated_url)
    assert asked.code == 1
    document = asked.json()
    assert document["summary"]["errors"] > 0
    assert "breaks its contracts" in asked.stderr
    shown = compass(command, broken, check=False, database_url=migrated_url)
    assert shown.code == 1
    assert document["findings"][0]["message"] in shown.stdout
    assert document["findings"][0]["file"] in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("ingest", "/nowhere"), 3),
        (("publish", "nope"), 2),
        (("hydrate", "--run", "nope"), 2),
        (("runs", "show", "nope"), 2),
        (("preview", SAMPLE, "--sql", "selec"), 2),
        (("rules", "nope"), 2),
    ],
)
def test_programs_get_any_failure_as_one_document(
    arguments: tuple[str, ...], code: int, migrated_url: str
) -> None:
    failed = compass(*arguments, "--format", "json", check=False, database_url=migrated_url)
    (error,) = failed.json().values()
    assert (failed.code, error["exit_code"]) == (code, code)
    said = f"error: {error['message']}\nhint: {error['hint']}\n"
    assert failed.stderr.startswith(said)
    people = compass(*arguments, check=False, database_url=migrated_url)
    assert (people.code, people.stdout) == (code, "")
    assert people.stderr.startswith(said)


def test_a_server_that_is_away_is_one_document_too() -> None:
    failed = compass(
        "build", "-f", "json", check=False, database_url="postgresql://nobody@127.0.0.1:1/nothing"
    )
    assert (failed.code, failed.json()["error"]["exit_code"]) == (4, 4)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_results_reach_narrow_terminals(encoding: str) -> None:
    """In UTF-8, as from everywhere: no result and no exit code is lost."""
    query = ("preview", SAMPLE, "--sql", "select 'Zürich – é' as name")
    for arguments in (query, (*query, "-f", "json")):
        done = compass(*arguments, PYTHONIOENCODING=encoding, PYTHONUTF8="0")
        assert "Zürich – é" in done.stdout


def test_numbers_that_json_lacks_are_null() -> None:
    query = "select 'nan'::double as x, '-infinity'::double as y, 1.5::double as z, ['inf'::double] as w"
    done = compass("preview", SAMPLE, "--sql", query, "-f", "json")
    assert done.json() == [{"x": None, "y": None, "z": 1.5, "w": [None]}]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("arguments", [("rules",), ("rules", "-f", "json"), ("rules", "nope", "-f", "json")])
def test_a_full_stdout_is_said_so(arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "transforms.cli", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(None),
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot write the result to stdout: No space left on device\n")
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_reader_that_leaves_is_no_failure_to_report() -> None:
    """As with `compass rules | head -1`."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "transforms.cli", "rules"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(None),
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")
