"""The compiled manifest on disk, and how it is held against the sources it was made from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.manifests import data_test, manifest, model, seed
from transforms.compiled.build import load_verified
from transforms.compiled.errors import ManifestOutOfDate, ManifestUnreadable
from transforms.compiled.manifest import (
    Index,
    Manifest,
    TestConfig,
    dump_manifest,
    load_manifest,
    manifest_path,
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A dbt project's folder with two models and a seed."""
    for name, text in {
        "dbt_project.yml": "name: tiny\n",
        "models/a.sql": "select 1 as x\n",
        "models/deep/b.sql": "select 2 as x\n",
        "seeds/s.csv": "x\n1\n",
        "target/manifest.json": "{}",
        "models/.cache": "nothing",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.fixture
def compiled(project: Path) -> Manifest:
    """A manifest with something of everything, written where it is checked in."""
    nodes = [
        model("a", "select 1 as x,\n  'é' as \"y z\"", indexes=[Index(columns=("x",), unique=True)]),
        data_test("t", "select 1", reads=["a"], config=TestConfig(severity="warn", error_if="> 3")),
        seed("s", [("x", "integer")]),
    ]
    built = manifest(nodes, project)
    manifest_path(project).parent.mkdir()
    manifest_path(project).write_text(dump_manifest(built), encoding="utf-8")
    return built


def test_it_comes_back_as_it_was_written(compiled: Manifest, project: Path) -> None:
    assert load_manifest(manifest_path(project)) == compiled


def test_the_same_manifest_is_the_same_bytes_in_any_order(compiled: Manifest, project: Path) -> None:
    backwards = manifest(reversed(compiled.nodes.values()), project)
    assert dump_manifest(backwards) == dump_manifest(compiled)


def test_sql_is_written_line_by_line_for_diffs(compiled: Manifest) -> None:
    document = json.loads(dump_manifest(compiled))
    assert document["nodes"]["model.tiny.a"]["sql"] == ["select 1 as x,", "  'é' as \"y z\""]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "truncated"),
        ("[]", "format 1"),
        ('{"format": 2}', "format 1"),
        ('{"format": 1}', "missing required field"),
        ('{"format": 1, "nodes": {"m": {"sql": ["select 1"]}}}', "missing required field"),
    ],
)
def test_a_broken_manifest_says_what_to_do(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(text)
    with pytest.raises(ManifestUnreadable) as caught:
        load_manifest(path)
    assert str(path) in caught.value.message
    assert reason in caught.value.message
    assert "compass manifest" in (caught.value.hint or "")


def test_a_missing_manifest_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ManifestUnreadable, match="No such file"):
        load_manifest(tmp_path / "manifest.json")


def test_untouched_sources_are_accepted(compiled: Manifest, project: Path) -> None:
    assert set(compiled.files) == {"dbt_project.yml", "models/a.sql", "models/deep/b.sql", "seeds/s.csv"}
    assert load_verified(project) == compiled


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda p: (p / "models/a.sql").write_text("select 3 as x\n"), "models/a.sql changed"),
        (lambda p: (p / "models/new.yml").write_text(""), "models/new.yml is new"),
        (lambda p: (p / "models/deep/b.sql").unlink(), "models/deep/b.sql is gone"),
        (lambda p: (p / "seeds/s.csv").write_text("x\n2\n"), "seeds/s.csv changed"),
    ],
)
@pytest.mark.usefixtures("compiled")
def test_changed_sources_are_refused_by_name(project: Path, change: object, expected: str) -> None:
    assert callable(change)
    change(project)
    with pytest.raises(ManifestOutOfDate) as caught:
        load_verified(project)
    assert caught.value.differences == (expected,)
    assert expected in caught.value.message
    assert "compass manifest" in (caught.value.hint or "")
