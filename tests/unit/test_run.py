"""Opening a run: what names it, and what is no run."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from transforms.checksum import run_checksum
from transforms.errors import RunNotReadable
from transforms.run import open_run


def make_run(root: Path, *, index: object = None, manifest: object = None, semantic: object = None) -> Path:
    """A directory with the three documents that name a run, where given."""
    for relative, document in (
        ("results/index.json", index if index is not None else {}),
        ("run_manifest.json", manifest),
        ("run_manifest.semantic.json", semantic),
    ):
        if document is not None:
            (root / relative).parent.mkdir(parents=True, exist_ok=True)
            (root / relative).write_text(document if isinstance(document, str) else json.dumps(document))
    return root


def test_manifests_name_the_run_wherever_it_lies(tmp_path: Path) -> None:
    run = open_run(
        make_run(tmp_path / "copy", index={"run_id": "20260101000000"}, manifest={"run_label": "graph"})
    )
    assert run.run_key == "graph/20260101000000"


def test_the_semantic_manifest_stands_in(tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path / "r", manifest={"run_id": "1"}, semantic={"graph_name": "g"}))
    assert run.run_key == "g/1"


def test_folders_name_the_run_where_manifests_do_not(tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path / "graph" / "20260101000000", index="{broken", manifest="[" * 9999))
    assert run.run_key == "graph/20260101000000"


@pytest.mark.parametrize(
    "relative", ["results/index.json", "run_manifest.json", "run_manifest.semantic.json"]
)
def test_a_pipe_in_the_place_of_a_manifest_is_not_waited_for(relative: str, tmp_path: Path) -> None:
    root = make_run(tmp_path / "graph" / "20260101000000")
    (root / relative).unlink(missing_ok=True)
    os.mkfifo(root / relative)
    assert open_run(root).run_key == "graph/20260101000000"
    assert run_checksum(root)


@pytest.mark.parametrize("name", ["", "a/b", "line\nbreak", "nul\x00", 7, None])
def test_names_that_cannot_be_keys_are_not_taken(name: object, tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path / "graph" / "run", manifest={"run_label": name}))
    assert run.graph_name == "graph"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda root: root / "nowhere", "no such directory"),
        (lambda root: (root / "file").write_text("x") and root / "file", "not a directory"),
        (lambda root: root, "results/index.json"),
    ],
)
def test_what_is_no_run_is_refused(make: object, says: str, tmp_path: Path) -> None:
    assert callable(make)
    with pytest.raises(RunNotReadable, match=says):
        open_run(make(tmp_path))


def test_the_folder_above_a_run_names_the_run_meant(tmp_path: Path) -> None:
    newest = make_run(tmp_path / "graph" / "20260102000000")
    make_run(tmp_path / "graph" / "20260101000000")
    with pytest.raises(RunNotReadable) as caught:
        open_run(tmp_path / "graph")
    assert str(newest) in caught.value.hint
