"""Files a run must have, files it may have, and paths that lead out of it."""

from __future__ import annotations

import shutil

import pytest

from tests.support.run_copies import Case, RunCopy
from transforms.run import PathEscapesRun, open_run
from transforms.synth.corruptions.artifacts import (
    BUNDLE,
    CLASSIFICATION_INDEX,
    CLASSIFICATION_MANIFEST,
    CLASSIFICATIONS,
    CONTRIBUTION_INDEX,
    EXPERIMENTS,
    FACILITY_AGGREGATE,
    RESULTS_INDEX,
    SUMMARY,
)
from transforms.synth.corruptions.edit import Edit, RunEditor, remove
from transforms.synth.corruptions.files import beside, link_out


def unlink_edge_yaml(run: RunEditor) -> None:
    run.file(run.one("edges/*/base/*/*.yaml")).unlink()


def remove_folder(relative: str) -> Edit:
    return lambda run: shutil.rmtree(run.file(relative))


CASES = (
    Case("QC101", "bundle", remove(BUNDLE), BUNDLE),
    Case("QC106", "linked folder", link_out("analysis/contribution"), "analysis/contribution"),
    Case("QC106", "linked document", link_out(BUNDLE), BUNDLE),
    Case("QC106", "linked summary", link_out(SUMMARY), SUMMARY),
    Case(
        "QC106",
        "climbing path",
        lambda run: run.edit(
            RESULTS_INDEX, lambda index: index["nodes"][0].update(result_path="../../etc/passwd")
        ),
        "../../etc/passwd",
        also=frozenset({"QC531", "QC103"}),
    ),
    Case(
        "QC106",
        "SHAP summary elsewhere",
        lambda run: run.edit(
            EXPERIMENTS,
            lambda items: items[0]["artifacts"]["interpretability"].update(global_summary="/etc/passwd"),
        ),
        EXPERIMENTS,
        None,
        "/0/artifacts/interpretability/global_summary",
    ),
    Case("QC108", "definition", unlink_edge_yaml, "edges/"),
    Case("QC108", "no definitions of edges", remove_folder("edges/losIndex/base"), "edges/", says="0 edges"),
    Case("QC108", "no definitions of nodes", remove_folder("nodes"), "nodes/", says="0 nodes"),
    Case("QC109", "classification index", remove(CLASSIFICATION_INDEX), CLASSIFICATION_INDEX),
    Case("QC109", "classification manifest", remove(CLASSIFICATION_MANIFEST), CLASSIFICATION_MANIFEST),
    Case("QC109", "contribution index", remove(CONTRIBUTION_INDEX), CONTRIBUTION_INDEX),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_defect_is_found_once_in_its_place(case: Case, run: RunCopy) -> None:
    case.assert_found(run)


@pytest.mark.parametrize(
    "relative",
    [
        "analysis/contribution/manifests/cli/run_args.json",
        "graphviz/graphviz_condensed.dot",
        "modeling/run_summary.json",
        "defaults/facet_family_defaults.yaml",
    ],
)
def test_optional_files_may_be_absent(relative: str, run: RunCopy) -> None:
    run.file(relative).unlink(missing_ok=True)
    assert run.findings() == []


@pytest.mark.parametrize("folder", ["analysis", "modeling", "graphviz", "defaults"])
def test_optional_families_may_be_absent(folder: str, run: RunCopy) -> None:
    moved = run.path.parent.parent / folder
    run.file(folder).rename(moved)
    assert run.findings() == []


def test_unknown_files_are_fine(run: RunCopy) -> None:
    run.write("notes/readme.txt", b"hello")
    run.write("results/extra.bin", b"\x00\xff")
    assert run.findings() == []
    assert {"notes/readme.txt", "results/extra.bin"} <= run.stage().files


def test_links_inside_the_run_are_followed(run: RunCopy) -> None:
    moved = run.file("results/kept.jsonl")
    run.file(FACILITY_AGGREGATE).rename(moved)
    run.file(FACILITY_AGGREGATE).symlink_to(moved)
    assert run.findings() == []


def test_a_link_to_itself_is_a_finding(run: RunCopy) -> None:
    run.file(CLASSIFICATIONS).unlink()
    run.file(CLASSIFICATIONS).symlink_to(run.file(CLASSIFICATIONS))
    assert {(finding.code, finding.file) for finding in run.stage().findings} == {("QC106", CLASSIFICATIONS)}


@pytest.mark.parametrize("relative", ["../x", "/etc/passwd", "a/../../x", "a\x00b"])
def test_paths_out_of_the_run_are_refused(relative: str, run: RunCopy) -> None:
    with pytest.raises(PathEscapesRun, match="leaves the run"):
        open_run(run.path).resolve(relative)


def test_identity_is_not_read_through_a_link_out_of_the_run(run: RunCopy) -> None:
    """A manifest that lies elsewhere must not name the run."""
    link_out("run_manifest.json")(run)
    beside(run).write_bytes(beside(run).read_bytes().replace(b'"synthetic"', b'"stolen"'))
    assert open_run(run.path).graph_name == "synthetic"
