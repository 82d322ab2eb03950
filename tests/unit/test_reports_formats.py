"""Reports for programs: JSON, JUnit, SARIF and GitHub annotations."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from contracts.findings import Finding, Report, Severity
from contracts.rules.registry import RULES
from transforms.errors import UsageError
from transforms.reports.baseline import fingerprint
from transforms.reports.failure import as_report
from transforms.reports.formats import FORMATS
from transforms.reports.github import as_github
from transforms.reports.junit import as_junit
from transforms.reports.sarif import as_sarif
from transforms.reports.terms import Selection, Terms

EVIL = "<b>&\"'\x00\x1b[2J]]>\r\n::error::%0A,:\udce9\ufffe\U0001f600 a b.jsonl"
WRONG = Finding(
    "QC301",
    Severity.ERROR,
    "metric_value is not a number",
    file="results/nodes/n1.jsonl",
    line=14,
    json_path="/metric/0/values",
    entity="medicareId=AHN977",
    expected="a number",
    actual='"high"',
    hint="Write it",
    count=3,
)
UNLISTED = Finding("QC103", Severity.WARNING, "not named", file="results/nodes/ü b.jsonl")
WHOLE = Finding("QC101", Severity.NOTE, "about the whole run")
HOSTILE = Finding(EVIL[:9], Severity.ERROR, EVIL, EVIL, 1, EVIL, EVIL, EVIL, EVIL, EVIL)


@pytest.fixture
def report(tmp_path: Path) -> Report:
    return Report("g/1", str(tmp_path / "g/1"), [WRONG, UNLISTED, WHOLE], {"raw_runs": 1}, 27, 0.1234)


def _suite(text: str) -> ElementTree.Element:
    """The test suite of a JUnit report that is well-formed."""
    suite = ElementTree.fromstring(text).find("testsuite")  # noqa: S314 - our own report
    assert suite is not None
    return suite


@pytest.mark.parametrize("name", FORMATS)
def test_no_data_breaks_a_format(name: str) -> None:
    report = Report(EVIL, f"/nowhere/{EVIL[:5]}", [HOSTILE], {"raw_runs": 1})
    text = FORMATS[name](report, Terms(), None)
    text.encode("utf-8")
    if name in ("json", "sarif"):
        json.loads(text)
    elif name == "junit":
        _suite(text)
    elif name == "github":
        assert len(text.splitlines()) == 1
    elif name == "html":
        assert "<b>" not in text


def test_json_has_the_documented_shape(report: Report) -> None:
    document = json.loads(FORMATS["json"](report, Terms(known=2), None))
    assert document["run"] == {"run_key": "g/1", "graph_name": "g", "run_id": "1", "path": report.path}
    assert document["summary"] == {
        "errors": 1,
        "warnings": 1,
        "notes": 1,
        "known": 2,
        "unselected": 0,
        "rules_run": 27,
        "rows": {"raw_runs": 1},
        "seconds": 0.123,
    }
    assert document["findings"][0] == {
        "code": "QC301",
        "severity": "error",
        "message": "metric_value is not a number",
        "file": "results/nodes/n1.jsonl",
        "line": 14,
        "json_path": "/metric/0/values",
        "entity": "medicareId=AHN977",
        "expected": "a number",
        "actual": '"high"',
        "hint": "Write it",
        "count": 3,
    }


def test_junit_has_one_case_a_rule(report: Report) -> None:
    suite = _suite(as_junit(report))
    cases = {case.get("name", "").split()[0]: case for case in suite.iter("testcase")}
    assert cases.keys() == RULES.keys()
    assert (suite.get("tests"), suite.get("failures")) == (str(len(RULES)), "1")
    failure = cases["QC301"].find("failure")
    assert failure is not None
    assert "results/nodes/n1.jsonl:14" in (failure.text or "")
    assert cases["QC103"].find("failure") is None
    assert "not named" in (cases["QC103"].findtext("system-out") or "")
    assert len(cases["QC102"]) == 0


def test_junit_fails_as_the_check_does(report: Report) -> None:
    terms = Terms(fail_on=Severity.WARNING, selection=Selection(("QC1", "QC301"), ("QC104",)))
    suite = _suite(as_junit(report, terms))
    names = {case.get("name", "").split()[0] for case in suite.iter("testcase")}
    assert names == {code for code in RULES if code.startswith("QC1") or code == "QC301"} - {"QC104"}
    assert suite.get("failures") == "2"


def test_sarif_results_refer_to_described_rules(report: Report) -> None:
    log = as_sarif(report)
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(RULES)
    assert all(rule["help"]["text"] and rule["help"]["markdown"] for rule in rules)
    for result, finding in zip(run["results"], report.findings, strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == finding.code
        assert result["level"] in ("error", "warning", "note")
        assert result["partialFingerprints"]["compassFinding/v1"] == fingerprint(finding)
        assert len(result["locations"]) == 1


def test_sarif_points_into_the_checkout(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(Path(report.path).parent))
    (run,) = as_sarif(report)["runs"]
    places = [result["locations"][0]["physicalLocation"] for result in run["results"]]
    assert places[0]["artifactLocation"]["uri"] == "1/results/nodes/n1.jsonl"
    assert places[0]["region"] == {"startLine": 14}
    assert places[1]["artifactLocation"]["uri"] == "1/results/nodes/%C3%BC%20b.jsonl"
    assert "region" not in places[1]
    assert places[2]["artifactLocation"]["uri"] == "1/results/index.json"
    base = run["originalUriBaseIds"][places[0]["artifactLocation"]["uriBaseId"]]["uri"]
    assert base == Path(report.path).parent.as_uri() + "/"


def test_sarif_is_relative_to_a_run_outside_the_checkout(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path / "elsewhere"))
    (run,) = as_sarif(report)["runs"]
    place = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": "results/nodes/n1.jsonl", "uriBaseId": "RUN"}
    assert run["originalUriBaseIds"]["RUN"]["uri"] == Path(report.path).as_uri() + "/"


def test_annotations_land_on_the_data(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    Path(report.path).mkdir(parents=True)
    monkeypatch.chdir(Path(report.path).parent)
    wrong, unlisted, whole = as_github(report).split("\n")
    assert wrong == (
        "::error file=1/results/nodes/n1.jsonl,line=14,title=QC301 wrong-type::"
        "metric_value is not a number (and 2 more)%0A"
        'medicareId=AHN977  /metric/0/values  got "high", expected a number%0A'
        "hint: Write it"
    )
    assert unlisted == "::warning file=1/results/nodes/ü b.jsonl,title=QC103 unlisted-node-shard::not named"
    assert whole.startswith("::notice file=1,title=")


def test_annotations_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    finding = Finding("QC301", Severity.ERROR, "100% of a,b:c\nnext", file="a,b:c%.jsonl")
    assert as_github(Report("g/1", str(Path.cwd()), [finding])) == (
        "::error file=a%2Cb%3Ac%25.jsonl,title=QC301 wrong-type::100%25 of a,b:c\\nnext"
    )


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (UsageError("no such rule", "look"), "error", "no such rule"),
        (ZeroDivisionError("by zero"), "internal-error", "ZeroDivisionError: by zero"),
    ],
)
def test_what_keeps_a_check_from_taking_place_is_its_finding(
    tmp_path: Path, error: Exception, code: str, message: str
) -> None:
    report = as_report(tmp_path, error)
    document = json.loads(FORMATS["json"](report, Terms(), None))
    assert document["run"]["path"] == str(tmp_path)
    assert [(found["code"], found["message"]) for found in document["findings"]] == [(code, message)]
    (run,) = as_sarif(report)["runs"]
    assert run["invocations"] == [{"executionSuccessful": False}]
    assert "ruleIndex" not in run["results"][0]
    assert code in FORMATS["junit"](report, Terms(), None)
