"""Each rule of the catalogue, broken in a run of its own: it fires there and only there."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from contracts.findings import Severity
from contracts.rules.registry import RULES
from tests.support.compass import compass
from tests.support.run_copies import RunCopy, ValidRun, copy_run
from transforms.synth import InvalidSynthesis, generate_run
from transforms.synth.corruptions.corruption import Corruption
from transforms.synth.corruptions.edit import NothingToCorrupt
from transforms.synth.corruptions.registry import (
    CORRUPTIONS,
    WITHOUT,
    NoCorruption,
    corrupt_run,
    find_corruption,
    require_size,
)

pytestmark = pytest.mark.slow

_ANY_NAME = sys.platform == "linux"
"""Other systems refuse file names that are not UTF-8."""
_POSSIBLE = [corruption for code, corruption in CORRUPTIONS.items() if _ANY_NAME or code != "QC107"]


def assert_broken(corruption: Corruption, run: RunCopy) -> None:
    """Break ``run``; the rule fires in its place, and nothing fires that should not."""
    rule = RULES[corruption.code]
    place = corruption.apply(run)
    findings = run.every_finding()
    # Valid runs have notes, too.
    loud = {finding.code for finding in findings if finding.severity is not Severity.NOTE}
    assert loud | {rule.code} == {rule.code, *corruption.also}, findings
    own = [finding for finding in findings if finding.code == rule.code]
    assert own, findings
    assert own[0].severity is rule.severity
    places = [(finding.file, finding.line, finding.json_path) for finding in own]
    assert (place.file, place.line, place.json_path) in places


def test_every_rule_has_a_corruption() -> None:
    assert set(CORRUPTIONS) | set(WITHOUT) == set(RULES)
    assert not set(CORRUPTIONS) & set(WITHOUT)


@pytest.mark.parametrize("corruption", _POSSIBLE, ids=lambda corruption: corruption.code)
def test_the_rule_finds_the_defect_in_its_place_and_no_other_rule_does(
    corruption: Corruption, run: RunCopy
) -> None:
    assert_broken(corruption, run)


@pytest.mark.thorough
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("facilities", "metrics", "seed"), [(24, 1, 0), (40, 2, 3)])
def test_runs_of_any_size_can_be_broken(facilities: int, metrics: int, seed: int, tmp_path: Path) -> None:
    """The first is what `compass synth` makes unless told otherwise."""
    valid = generate_run(tmp_path / "valid", facilities=facilities, metrics=metrics, seed=seed)
    original = ValidRun.of(RunCopy(valid).stage())
    for corruption in _POSSIBLE:
        assert_broken(corruption, copy_run(valid, tmp_path / "copy", original))
        shutil.rmtree(tmp_path / "copy")


def test_corruptions_are_described() -> None:
    for corruption in CORRUPTIONS.values():
        assert corruption.description, corruption.code
        assert not corruption.description.endswith("."), corruption.code
        assert bool(corruption.also) == bool(corruption.because), corruption.code
        assert set(corruption.also) <= set(RULES) - {corruption.code}


def test_what_a_defect_breaks_and_where_is_said(tmp_path: Path) -> None:
    done = compass("synth", str(tmp_path), "--facilities", "16", "--corrupt", "qc516")
    assert done.code == 0, done.stderr
    run = RunCopy(Path(done.stdout.strip()))
    assert {finding.code for finding in run.findings()} == {"QC513", "QC516", "QC523", "QC536"}
    assert done.stderr.splitlines()[0].startswith("breaks QC516 trend-edge-shape (error): A trends_to edge")
    assert "place:  graph.json /edges/1" in done.stderr
    assert "also breaks QC513, QC523, QC536: " in done.stderr


def test_an_unknown_code_makes_no_run(tmp_path: Path) -> None:
    done = compass("synth", str(tmp_path), "--corrupt", "QC000", check=False)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: no corruption breaks QC000: the catalogue has no such rule\nhint: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", sorted(WITHOUT))
def test_rules_without_a_corruption_say_why(code: str) -> None:
    with pytest.raises(NoCorruption) as refused:
        find_corruption(code)
    assert refused.value.reason == WITHOUT[code]


@pytest.mark.parametrize(
    ("facilities", "months", "message"), [(15, 12, "facilities is 15"), (16, 11, "months is 11")]
)
def test_small_runs_are_refused(facilities: int, months: int, message: str) -> None:
    require_size(16, 12)
    with pytest.raises(InvalidSynthesis, match=message):
        require_size(facilities, months)


def test_a_run_that_cannot_be_broken_is_removed(run: RunCopy) -> None:
    run.edit_lines("analysis/classification/classifications.jsonl", lambda lines: [])
    with pytest.raises(NothingToCorrupt, match="no favorable and stable entity"):
        corrupt_run(run.path, find_corruption("QC720"))
    assert not run.path.exists()
