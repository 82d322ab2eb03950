"""Whatever bytes a run holds, staging and rules say so and never fail."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.run_copies import RunCopy
from tests.support.thoroughness import DAMAGES
from transforms.synth.corruptions.artifacts import (
    CLASSIFICATIONS,
    FACILITY_AGGREGATE,
    FACILITY_MONTHLY,
    SUMMARY,
)

pytestmark = pytest.mark.slow

FILES = (
    FACILITY_AGGREGATE,
    FACILITY_MONTHLY,
    CLASSIFICATIONS,
    SUMMARY,
    "graph.json",
    "metadata_bundle.json",
    "results/index.json",
    "run_manifest.json",
    "analysis/contribution/index.json",
    "modeling/experiments.json",
    "modeling/ridge_global_shap.csv",
    "nodes/losIndex/base/facility_base/losIndex__medicareId__dischargeMonth.yaml",
    "nodes/losIndex/manifests/facets.yaml",
    "analysis/narrative/contribution_020475.md",
)
TOKENS = (
    b"NaN",
    b"1e999",
    b"-1",
    b"2.5",
    b"9" * 40,
    b"null",
    b"true",
    b"{}",
    b"[]",
    b'""',
    b'"x"',
    b'"\\ud800"',
    b'"\\u0000"',
    b"\x00",
    b"\xff",
    b"[" * 2000,
    b"\n",
    b",",
)
_VALUE = re.compile(rb'-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|"[^"\n]{0,60}"|null|true|false')


@st.composite
def damages(draw: st.DrawFn) -> tuple[str, str, int, int]:
    """A file, what happens to it, where (out of 10,000) and with which token."""
    return (
        draw(st.sampled_from(FILES)),
        draw(st.sampled_from(("flip", "cut", "drop", "repeat", "swap"))),
        draw(st.integers(0, 9_999)),
        draw(st.integers(0, 255)),
    )


def damage(content: bytes, kind: str, place: int, choice: int) -> bytes:
    """The content with one thing broken."""
    position = place * len(content) // 10_000
    lines = content.splitlines(keepends=True)
    row = place * len(lines) // 10_000
    if kind == "flip":
        return content[:position] + bytes([choice]) + content[position + 1 :]
    if kind == "cut":
        return content[:position]
    if kind == "drop":
        return b"".join(lines[:row] + lines[row + 1 :])
    if kind == "repeat":
        return b"".join(lines[: row + 1] + lines[row:])
    match = _VALUE.search(content, position) or _VALUE.search(content)
    assert match is not None
    return content[: match.start()] + TOKENS[choice % len(TOKENS)] + content[match.end() :]


@pytest.mark.timeout(300)
@settings(
    max_examples=DAMAGES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(change=damages())
def test_no_damage_makes_the_rules_fail(change: tuple[str, str, int, int], run: RunCopy) -> None:
    """Every finding has a message, and one defect does not make a flood of them."""
    relative, kind, place, choice = change
    before = run.read(relative)
    run.write(relative, damage(before, kind, place, choice))
    try:
        findings = run.findings()
    finally:
        run.write(relative, before)
    assert all(finding.message and finding.count > 0 for finding in findings)
    assert len(findings) <= 12, findings
