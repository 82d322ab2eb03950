"""What the product is made of: licences, the bill of materials, and what an audit may claim."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from transforms.reports import audit, licences, sbom
from transforms.reports.locked import SETS, requirements


def test_every_locked_package_has_an_allowed_or_explained_licence() -> None:
    found = licences.rows()
    assert {row.name for row in found} == {each.name for name in SETS for each in requirements(name)}
    assert licences.refused(found) == []
    assert {row.name for row in found if not row.allowed} == licences.EXPLAINED.keys()


def test_nobody_is_served_with_what_needed_an_explanation() -> None:
    served = {each.name for each in requirements("serve")}
    assert served.isdisjoint(licences.EXPLAINED)


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("MIT OR GPL-3.0-only", False),
        ("AGPL-3.0-only", False),
        (None, False),
    ],
)
def test_licences_are_judged(licence: str | None, allowed: bool) -> None:
    row = licences.Row("some", ("1.0",), "serve", licence)
    assert row.allowed is allowed
    assert (licences.refused([row]) == []) is allowed


def test_the_bill_of_materials_is_valid_and_whole(tmp_path: Path) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    file = tmp_path / "build" / "sbom.json"
    assert sbom.main([str(file)]) == 0
    text = file.read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document = json.loads(text)
    assert document["metadata"]["component"]["name"] == "quality-compass"
    parts = {(part["name"], part["version"]): part for part in document["components"]}
    locked = {(each.name, each.version): each for each in requirements("serve")}
    assert parts.keys() == locked.keys()
    for key, part in parts.items():
        assert {each["content"] for each in part["hashes"]} == set(locked[key].hashes)
        assert part["licenses"], key


def _answer(**vulnerable: list[dict[str, Any]]) -> dict[str, Any]:
    """What pip-audit prints, for packages with these vulnerabilities."""
    return {
        "dependencies": [
            {"name": name, "version": "1.0", "vulns": found} for name, found in vulnerable.items()
        ],
        "fixes": [],
    }


KNOWN = {"id": "GHSA-x", "aliases": ["CVE-2026-1"], "fix_versions": ["1.1"], "description": "bad"}


def test_an_audit_without_findings_is_clean() -> None:
    verdict = audit.judge(_answer(one=[], two=[]))
    assert verdict.exit_code == 0
    assert audit.describe(verdict, "serve") == [
        "requirements/serve.txt: 2 packages, nothing unexplained is known"
    ]


def test_an_audit_names_what_it_found() -> None:
    verdict = audit.judge(_answer(one=[], two=[KNOWN]))
    assert verdict.exit_code == 1
    (line,) = audit.describe(verdict, "serve")
    assert line == "two 1.0: GHSA-x CVE-2026-1; fixed in 1.1"


def test_an_explained_finding_is_shown_and_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(audit.EXPLAINED, "CVE-2026-1", "not called by us")
    verdict = audit.judge(_answer(two=[KNOWN]))
    assert verdict.exit_code == 0
    assert "(explained: not called by us)" in audit.describe(verdict, "serve")[0]


@pytest.mark.parametrize(
    "answer",
    [
        {"dependencies": [{"name": "one", "skip_reason": "not found"}]},
        {"dependencies": [{"name": "one", "skip_reason": "not found"}, {"name": "two", "vulns": []}]},
        {"dependencies": []},
    ],
    ids=["none", "some", "empty"],
)
def test_an_audit_without_an_answer_never_says_clean(answer: dict[str, Any]) -> None:
    verdict = audit.judge(answer)
    assert verdict.exit_code == 2
    said = audit.describe(verdict, "serve")
    assert "requirements/serve.txt is NOT audited" in said[-1]
    assert "nothing unexplained" not in " ".join(said)


def test_findings_count_more_than_gaps() -> None:
    answer = _answer(two=[KNOWN])
    answer["dependencies"].append({"name": "one", "skip_reason": "not found"})
    assert audit.judge(answer).exit_code == 1


def test_an_unknown_set_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(["everything"]) == 2
    assert "there are serve, demo, dev" in capsys.readouterr().err
