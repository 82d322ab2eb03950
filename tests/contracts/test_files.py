"""Files a run must have, files it may have, and paths that lead out of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.run_copies import CLASSIFICATIONS, FACILITY_AGGREGATE, SUMMARY, Case, RunCopy
from transforms.run import PathEscapesRun, open_run

INDEX = "results/index.json"
CONTRIBUTION_INDEX = "analysis/contribution/index.json"
CONTRIBUTIONS = (
    "analysis/contribution/losIndex__medicareId_vizientServiceLine__aggregate_time_period.losIndex.jsonl"
)
EXPERIMENTS = "modeling/experiments.json"


def remove(relative: str) -> Callable[[RunCopy], None]:
    """Delete a file."""
    return lambda run: run.file(relative).unlink()


def link_out(relative: str) -> Callable[[RunCopy], None]:
    """Move a file or folder beside the run and leave a link to it."""

    def apply(run: RunCopy) -> None:
        outside = run.path.parent / "elsewhere"
        run.file(relative).rename(outside)
        run.file(relative).symlink_to(outside)

    return apply


def unlink_edge_yaml(run: RunCopy) -> None:
    run.file(run.one("edges/*/base/*/*.yaml")).unlink()


CASES = (
    Case("QC101", "graph", remove("graph.json"), "graph.json"),
    Case("QC101", "bundle", remove("metadata_bundle.json"), "metadata_bundle.json"),
    Case("QC102", "node file", remove(FACILITY_AGGREGATE), INDEX, None, "/nodes/0/result_path"),
    Case(
        "QC103",
        "stray node file",
        lambda run: run.write(
            "results/nodes/other__medicareId__aggregate_time_period.jsonl",
            run.read(FACILITY_AGGREGATE).replace(b"losIndex", b"other"),
        ),
        "results/nodes/other__medicareId__aggregate_time_period.jsonl",
        also=frozenset({"QC536"}),
    ),
    Case("QC104", "classifications", remove(CLASSIFICATIONS), CLASSIFICATIONS),
    Case(
        "QC105",
        "contribution file",
        remove(CONTRIBUTIONS),
        CONTRIBUTION_INDEX,
        None,
        "/parents/0/metric_artifacts/0/artifact_path",
    ),
    Case("QC106", "linked file", link_out(FACILITY_AGGREGATE), FACILITY_AGGREGATE),
    Case("QC106", "linked folder", link_out("analysis/contribution"), "analysis/contribution"),
    Case("QC106", "linked document", link_out("metadata_bundle.json"), "metadata_bundle.json"),
    Case("QC106", "linked summary", link_out(SUMMARY), SUMMARY),
    Case(
        "QC106",
        "climbing path",
        lambda run: run.edit(INDEX, lambda index: index["nodes"][0].update(result_path="../../etc/passwd")),
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
    Case(
        "QC108",
        "manifest",
        lambda run: run.replace("run_manifest.json", b'"node_count": 8', b'"node_count": 9'),
        "run_manifest.json",
        None,
        "/node_count",
    ),
    Case("QC108", "definition", unlink_edge_yaml, "edges/"),
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


@pytest.mark.parametrize("folder", ["analysis", "modeling", "graphviz", "nodes", "edges", "defaults"])
def test_optional_families_may_be_absent(folder: str, run: RunCopy) -> None:
    moved = run.path.parent.parent / folder
    run.file(folder).rename(moved)
    assert run.findings() == []


def test_unknown_files_are_fine(run: RunCopy) -> None:
    run.write("notes/readme.txt", b"hello")
    run.write("results/extra.bin", b"\x00\xff")
    assert run.findings() == []
    assert {"notes/readme.txt", "results/extra.bin"} <= run.stage().files


@pytest.mark.skipif(os.name != "posix", reason="file names are bytes on POSIX only")
def test_a_file_name_that_is_not_utf8_is_reported_as_text(run: RunCopy) -> None:
    try:
        Path(os.fsdecode(os.fsencode(run.path) + b"/results/nodes/\xff.jsonl")).write_bytes(b"{}")
    except OSError:
        pytest.skip("the file system takes UTF-8 names only")
    [finding] = run.findings()
    assert (finding.code, finding.file) == ("QC107", "results/nodes/\\xff.jsonl")


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
    elsewhere = run.path.parent / "elsewhere"
    elsewhere.write_bytes(elsewhere.read_bytes().replace(b'"synthetic"', b'"stolen"'))
    assert open_run(run.path).graph_name == "synthetic"
