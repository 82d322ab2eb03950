"""Node files that helper processes read give what reading them here gives, whatever becomes of a helper."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from contracts.run_data import RunData
from transforms import helper
from transforms.run import open_run
from transforms.sample import sample_run
from transforms.stage import sharing, stage_run
from transforms.stage.shards import Performed, Task
from transforms.stage.spool import Place, Spool
from transforms.synth import generate_run


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """The sample run with a line cut short in two of its node files."""
    run = tmp_path / "graph" / sample_run().name
    shutil.copytree(sample_run(), run)
    for path in sorted((run / "results/nodes").glob("*.jsonl"))[:2]:
        lines = path.read_bytes().splitlines(keepends=True)
        lines[2] = lines[2][: len(lines[2]) // 2] + b"\n"
        path.write_bytes(b"".join(lines))
    return run


def _assert_same(left: RunData, right: RunData) -> None:
    assert left.findings == right.findings
    for name, frame in left.frames.items():
        assert frame.equals(right.frames[name]), name
    for name, frame in left.auxiliary.items():
        assert frame.equals(right.auxiliary[name]), name


@pytest.mark.parametrize("helpers", [1, 3])
def test_helpers_change_nothing(broken: Path, helpers: int) -> None:
    run = open_run(broken)
    alone = stage_run(run, helpers=0)
    assert len([finding for finding in alone.findings if finding.line == 3]) == 2
    _assert_same(alone, stage_run(run, helpers=helpers))


def test_large_frames_of_helpers_are_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the sample run are so small that they are sent along."""
    run = open_run(generate_run(tmp_path, facilities=30))
    alone = stage_run(run, helpers=0)
    mapped: list[Place] = []
    own, perform, answered = Spool.map, Task.perform, threading.Event()

    def map_noted(self: Spool, file: int, place: Place) -> pl.DataFrame:
        mapped.append(place)
        answered.set()
        return own(self, file, place)

    def perform_later(self: Task, *rest: Any) -> Performed:
        """Here, not before the helper has answered."""
        assert answered.wait(30)
        return perform(self, *rest)

    monkeypatch.setattr(Spool, "map", map_noted)
    monkeypatch.setattr(Task, "perform", perform_later)
    _assert_same(alone, stage_run(run, helpers=1))
    assert mapped
    ends = [0, *(place.start + place.size for place in mapped)]
    assert all(place.start >= end for place, end in zip(mapped, ends, strict=False))


@pytest.mark.parametrize("helpers", [0, 1])
def test_metrics_of_contributions_are_those_of_headers(broken: Path, helpers: int) -> None:
    """Files are read by what the index says first; what is wrong with them is found once even so."""
    contributions = sorted((broken / "analysis/contribution").glob("*.jsonl"))[0]
    contributions.write_bytes(contributions.read_bytes() + b"{\n")
    run = open_run(broken)
    before = stage_run(run, helpers=helpers)
    index = broken / "results/index.json"
    said = json.loads(index.read_bytes())
    for node in said["nodes"]:
        node["metric_id"] = "another"
    index.write_text(json.dumps(said))
    after = stage_run(run, helpers=helpers)
    assert after.frames["raw_contributions"].height > 0
    assert after.frames["raw_contributions"].equals(before.frames["raw_contributions"])
    assert after.findings == before.findings


def test_progress_counts_what_helpers_read(broken: Path) -> None:
    run = open_run(broken)
    alone: list[int] = []
    shared: list[int] = []
    stage_run(run, alone.append, helpers=0)
    stage_run(run, shared.append, helpers=2)
    assert sum(alone) == sum(shared) > 0


@pytest.mark.parametrize(
    "program",
    ["", "import sys; read = sys.stdin.buffer.read1; read(); print(0, flush=True); read()"],
    ids=["at-once", "over-a-file"],
)
def test_a_helper_that_ends_leaves_its_file_to_the_others(
    broken: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    run = open_run(broken)
    alone = stage_run(run, helpers=0)
    monkeypatch.setattr(helper, "PROGRAM", (sys.executable, "-c", program))
    _assert_same(alone, stage_run(run, helpers=1))


def test_fewer_helpers_where_no_more_may_be_started(broken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def second_fails(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        if started:
            raise BlockingIOError(errno.EAGAIN, "no more processes")
        started.append(start(*arguments, **options))
        return started[0]

    run = open_run(broken)
    alone = stage_run(run, helpers=0)
    monkeypatch.setattr(subprocess, "Popen", second_fails)
    _assert_same(alone, stage_run(run, helpers=2))
    assert started[0].returncode is not None


def test_a_helper_started_ahead_is_taken(broken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = open_run(broken)
    alone = stage_run(run, helpers=0)
    monkeypatch.setattr(helper, "WORTH_HELP_BYTES", 1)
    monkeypatch.setattr(helper, "cores", lambda: 2)
    with helper.helper_ahead(broken) as ahead:
        assert ahead is not None
        # Whatever it is asked for now stands in memory: no other may be started.
        monkeypatch.setattr(subprocess, "Popen", _refused)
        _assert_same(alone, stage_run(run, helpers=1, ahead=ahead))
        assert ahead.requests.closed
    with pytest.raises(ValueError, match="closed"):
        ahead.answers.readline()


def _refused(*arguments: Any, **options: Any) -> None:
    raise AssertionError("a process is started")


def test_nobody_is_started_ahead_for_little(
    broken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "Popen", _refused)
    for run in (broken, tmp_path / "nothing"):
        with helper.helper_ahead(run) as ahead:
            assert ahead is None


def test_small_runs_are_read_alone() -> None:
    assert sharing.helpers_for([1000, 1000]) == 0
    assert sharing.helpers_for([sharing.WORTH_HELP_BYTES]) == 0
