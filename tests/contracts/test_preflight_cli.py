"""`compass preflight` and `compass rules` as users and programs meet them."""

from __future__ import annotations

import io
import json
import os
import pty
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch
from xml.etree import ElementTree

import pytest

from contracts.rules.registry import RULES
from tests.support.compass import Outcome, compass, environment
from transforms.cli import main
from transforms.sample import sample_run

SUMMARY_KEYS = {"errors", "warnings", "notes", "known", "unselected", "rules_run", "rows", "seconds"}
NODES = "results/nodes"


PLAIN = {"GITHUB_ACTIONS": "", "GITHUB_WORKSPACE": "", "NO_COLOR": ""}
"""Clears the marks that a workflow of our own, or the developer's shell, may have set."""


def preflight(run: Path | str, *options: str, **variables: str) -> Outcome:
    """Run `compass preflight` in this process: a new one would spend its time on imports."""
    stdout, stderr = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with (
        patch.dict(os.environ, PLAIN | variables),
        patch.object(sys, "argv", ["compass", "preflight", str(run), *options]),
        redirect_stdout(stdout),
        redirect_stderr(stderr),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    for stream in (stdout, stderr):
        stream.seek(0)
    return Outcome(int(ended.value.code or 0), stdout.read(), stderr.read())


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with one error (a node file is missing) and one warning (another is not listed)."""
    run = tmp_path_factory.mktemp("runs") / "synthetic/20260301070000"
    shutil.copytree(sample_run(), run)
    shards = sorted((run / NODES).glob("*.jsonl"))
    lines = [len(shard.read_bytes().splitlines()) for shard in shards]
    # The smallest file has the fewest dependents; what else its absence breaks is not for here.
    shards[lines.index(min(lines))].rename(run / NODES / "stray.jsonl")
    return run


def codes(outcome: Outcome) -> list[str]:
    return [finding["code"] for finding in outcome.json()["findings"]]


def test_a_good_run_passes() -> None:
    done = preflight(sample_run())
    assert (done.code, done.stderr) == (0, "")
    assert "ok, 0 errors" in done.stdout


def test_a_broken_run_fails_with_code_place_and_way_out(broken: Path) -> None:
    done = preflight(broken, "--select", "QC1")
    assert done.code == 1
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"QC102 results/index.json  {NODES}/")
    assert "hint: copy the missing file" in done.stdout
    assert f"QC103 {NODES}/stray.jsonl  warning: " in done.stdout
    assert "not loadable, 1 error, 1 warning" in lines[-1]
    assert "\x1b" not in done.stdout


def test_json_is_one_document(broken: Path) -> None:
    done = preflight(broken, "--format", "json", "--select", "QC1")
    assert done.code == 1
    document = done.json()
    assert document["run"]["path"] == str(broken)
    assert document["run"]["run_key"] == "synthetic/20260301070000"
    assert document["summary"].keys() == SUMMARY_KEYS
    assert document["summary"]["rules_run"] == sum(1 for code in RULES if code.startswith("QC1"))
    assert codes(done) == ["QC102", "QC103"]
    assert all(not (finding["file"] or "").startswith("/") for finding in document["findings"])


@pytest.mark.parametrize(
    ("options", "code", "found"),
    [
        (["--select", "QC102"], 1, ["QC102"]),
        (["--select", "QC103"], 0, ["QC103"]),
        (["--select", "QC103", "--fail-on", "warning"], 1, ["QC103"]),
        (["--select", "QC1", "--ignore", "QC102"], 0, ["QC103"]),
        (["--select", "QC103,QC102"], 1, ["QC102", "QC103"]),
        (["--select", "QC103", "--select", "qc102"], 1, ["QC102", "QC103"]),
        (["--ignore", "QC"], 0, []),
    ],
    ids=str,
)
def test_codes_and_severities_decide(broken: Path, options: list[str], code: int, found: list[str]) -> None:
    done = preflight(broken, "--format", "json", *options)
    assert (done.code, codes(done)) == (code, found)
    every = preflight(broken, "--format", "json").json()["findings"]
    assert done.json()["summary"]["unselected"] == len(every) - len(found)


@pytest.fixture
def not_runs(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    return {
        "missing": tmp_path / "missing",
        "empty": tmp_path / "empty",
        "file": tmp_path / "file",
        "parent": sample_run().parent,
        "too-long": tmp_path / ("x" * 5000),
    }


@pytest.mark.parametrize("kind", ["missing", "empty", "file", "parent", "too-long"])
def test_what_is_no_run_is_one_finding_in_the_same_shape(not_runs: dict[str, Path], kind: str) -> None:
    done = preflight(not_runs[kind], "--format", "json")
    assert done.code == 3
    document = done.json()
    assert document["run"]["path"] == str(not_runs[kind])
    assert document["summary"].keys() == SUMMARY_KEYS
    assert document["summary"]["rows"] == {}
    (finding,) = document["findings"]
    assert (finding["code"], finding["severity"]) == ("QC101", "error")
    errors = done.stderr.splitlines()
    assert errors[0] == f"error: {finding['message']}"
    assert errors[1] == f"hint: {finding['hint']}"
    assert len(errors) == 2


def test_what_is_no_run_prints_no_report_for_people(not_runs: dict[str, Path]) -> None:
    done = preflight(not_runs["missing"])
    assert (done.code, done.stdout) == (3, "")
    assert done.stderr.startswith("error: ")


@pytest.mark.parametrize("kind", ["json", "junit", "sarif", "html"])
def test_every_machine_format_reports_what_is_no_run(not_runs: dict[str, Path], kind: str) -> None:
    done = preflight(not_runs["empty"], "--format", kind)
    assert done.code == 3
    assert "QC101" in done.stdout


@pytest.mark.parametrize(
    "options",
    [["--select", "QC0"], ["--ignore", "E501"], ["--baseline", "/nonexistent/baseline.json"]],
    ids=" ".join,
)
def test_wrong_usage_is_still_one_document(options: list[str]) -> None:
    done = preflight(sample_run(), "--format", "json", *options)
    assert done.code == 2
    (finding,) = done.json()["findings"]
    assert done.stderr.startswith(f"error: {finding['message']}\nhint: ")


def _suite(text: str) -> ElementTree.Element:
    """The test suite of a JUnit report that is well-formed."""
    suite = ElementTree.fromstring(text).find("testsuite")  # noqa: S314 - our own report
    assert suite is not None
    return suite


def test_formats_tell_the_same(broken: Path) -> None:
    selected = ("--select", "QC1")
    sarif = json.loads(preflight(broken, "-f", "sarif", *selected).stdout)
    assert [result["ruleId"] for result in sarif["runs"][0]["results"]] == ["QC102", "QC103"]
    assert _suite(preflight(broken, "-f", "junit", *selected).stdout).get("failures") == "1"
    page = preflight(broken, "-f", "html", *selected).stdout
    assert page.startswith("<!doctype html>")
    assert "QC102" in page
    annotations = preflight(broken, "-f", "github", *selected).stdout.splitlines()
    assert [line.split()[0] for line in annotations] == ["::error", "::warning"]


def test_annotations_come_by_themselves_in_a_workflow(broken: Path) -> None:
    workspace = str(broken.parents[1])
    variables = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": workspace}
    done = preflight(broken, "--select", "QC1", **variables)
    annotations = [line for line in done.stdout.splitlines() if line.startswith("::")]
    assert len(annotations) == 2
    assert annotations[1].startswith(f"::warning file=synthetic/20260301070000/{NODES}/stray.jsonl,")
    json.loads(preflight(broken, "--format", "json", **variables).stdout)


def test_paths_of_annotations_start_at_the_working_directory(broken: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "transforms.cli",
            "preflight",
            broken.name,
            "-f",
            "github",
            "--select",
            "QC103",
        ],
        cwd=broken.parent,
        env=environment(None, GITHUB_WORKSPACE="", PYTHONPATH=str(Path(__file__).parents[2])),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith(f"::warning file=20260301070000/{NODES}/stray.jsonl,")


def test_a_baseline_leaves_known_findings_out(broken: Path, tmp_path: Path) -> None:
    known = tmp_path / "known.json"
    written = preflight(broken, "--write-baseline", str(known))
    assert written.code == 0
    assert str(known) in written.stderr
    count = len(json.loads(known.read_text())["findings"])
    assert count >= 2
    again = preflight(broken, "--baseline", str(known), "--format", "json", "--fail-on", "warning")
    assert (again.code, codes(again)) == (0, [])
    assert again.json()["summary"]["known"] == count
    assert f"{count} known from the baseline" in preflight(broken, "--baseline", str(known)).stdout


def test_new_findings_count_beside_a_baseline(broken: Path, tmp_path: Path) -> None:
    known = tmp_path / "known.json"
    assert preflight(broken, "--write-baseline", str(known), "--select", "QC103").code == 0
    done = preflight(broken, "--baseline", str(known), "--format", "json", "--select", "QC1")
    assert (done.code, codes(done)) == (1, ["QC102"])


@pytest.mark.parametrize("kind", ["text", "json", "junit", "sarif", "github", "html"])
def test_reports_go_to_files_whole(broken: Path, tmp_path: Path, kind: str) -> None:
    target = tmp_path / "report"
    target.write_text("what was there before")
    done = preflight(broken, "-f", kind, "-o", str(target), "--select", "QC1")
    assert (done.code, done.stdout) == (1, "")
    assert "not loadable, 1 error, 1 warning" in done.stderr
    assert "QC10" in target.read_text()
    assert "what was there before" not in target.read_text()
    assert os.listdir(tmp_path) == ["report"]


@pytest.mark.parametrize("option", ["--output", "--write-baseline"])
@pytest.mark.parametrize("place", ["missing/report.json", "."])
def test_a_place_that_cannot_be_written_is_told_before_checking(
    tmp_path: Path, option: str, place: str
) -> None:
    done = preflight(sample_run(), option, str(tmp_path / place))
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: cannot write {tmp_path / place}")
    assert os.listdir(tmp_path) == []


def test_a_report_and_a_baseline_need_a_file_each(tmp_path: Path) -> None:
    path = tmp_path / "both"
    path.write_text("kept")
    again = tmp_path / "." / "both"
    done = preflight(sample_run(), "-f", "json", "--output", str(path), "--write-baseline", str(again))
    assert done.code == 2
    (finding,) = done.json()["findings"]
    assert "name one file" in finding["message"]
    assert path.read_text() == "kept"


def test_a_report_can_go_to_a_device() -> None:
    assert preflight(sample_run(), "-o", os.devnull).code == 0
    assert Path(os.devnull).is_char_device()


def test_names_that_are_not_utf8_are_reported(broken: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(broken, run)
    (run / NODES / "stray.jsonl").rename(run / NODES / os.fsdecode(b"caf\xe9\x1b[2J.jsonl"))
    for kind in ("text", "json", "junit", "sarif", "github", "html"):
        done = preflight(run, "-f", kind, "--select", "QC1")
        assert done.code == 1, done.stderr
        assert "caf" in done.stdout
        assert "\x1b" not in done.stdout
        if kind in ("json", "sarif"):
            done.json()


def test_narrow_encodings_of_the_terminal_do_no_harm(broken: Path) -> None:
    narrow = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    done = compass("preflight", str(broken), "--format", "json", check=False, **narrow)
    assert done.code == 1
    done.json()


def _on_a_terminal(*arguments: str, **variables: str) -> str:
    """What the command writes to stdout when that is a terminal."""
    master, slave = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "transforms.cli", "preflight", *arguments],
        env=environment(None, GITHUB_ACTIONS="", TERM="xterm", **variables),
        cwd=Path(__file__).parents[2],
        stdout=slave,
        stderr=subprocess.DEVNULL,
    )
    os.close(slave)
    written = b""
    while True:
        try:
            chunk = os.read(master, 65536)
        except OSError:
            break
        if not chunk:
            break
        written += chunk
    os.close(master)
    child.wait(timeout=60)
    return written.decode()


def test_colours_are_for_terminals_that_want_them(broken: Path) -> None:
    assert "\x1b[31;1mQC102" in _on_a_terminal(str(broken), NO_COLOR="")
    assert "\x1b" not in _on_a_terminal(str(broken), NO_COLOR="1")
    assert "\x1b" not in _on_a_terminal(str(broken), "-f", "json", NO_COLOR="")


def test_rules_lists_the_catalogue() -> None:
    done = compass("rules")
    assert [code for code in RULES if f"  {code}  " not in done.stdout] == []
    assert f"{len(RULES)} rules" in done.stdout
    document = compass("rules", "--format", "json").json()
    assert {entry["code"] for entry in document} == RULES.keys()
    assert {"code", "name", "severity", "summary", "why", "fix"} <= document[0].keys()


def test_rules_explains_one() -> None:
    done = compass("rules", "qc102")
    assert done.stdout.startswith("QC102 missing-node-shard (error)")
    assert RULES["QC102"].why in done.stdout
    assert compass("rules", "QC102", "--format", "json").json()["code"] == "QC102"
    family = compass("rules", "QC1", "-f", "json").json()
    assert {entry["code"][:3] for entry in family} == {"QC1"}


def test_rules_refuses_what_is_no_code() -> None:
    done = compass("rules", "QC0", check=False)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: no rule has a code that starts with 'QC0'")
