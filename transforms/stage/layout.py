"""Which files a run must have, judged by what its own indexes announce."""

from __future__ import annotations

from contracts.rules.files import (
    MISSING_ANALYSIS_DOCUMENT,
    MISSING_CLASSIFICATIONS,
    MISSING_CONTRIBUTIONS,
    MISSING_SHARD,
    UNLISTED_SHARD,
)
from transforms.run import NODES_DIRECTORY, RESULTS_INDEX
from transforms.stage.classifications import (
    CLASSIFICATION_DIRECTORY,
    CLASSIFICATION_INDEX,
    CLASSIFICATION_MANIFEST,
    CLASSIFICATIONS_FILE,
)
from transforms.stage.contributions import (
    CONTRIBUTION_DIRECTORY,
    CONTRIBUTION_INDEX,
    ContributionIndex,
    artifact_file,
    contribution_names,
)
from transforms.stage.graph import ResultsIndex
from transforms.stage.reader import Source
from transforms.stage.summary import CLASSIFICATION_SUMMARY_FILE


def check_layout(source: Source, index: ResultsIndex, contributions: ContributionIndex) -> list[str]:
    """Report announced files that are missing; return the node files to stage, sorted."""
    present = {*source.glob(f"{NODES_DIRECTORY}/*.jsonl"), *source.glob(f"{NODES_DIRECTORY}/*.json")}
    announced = _check_shards(source, index, present)
    unlisted = present - announced if RESULTS_INDEX not in source.findings.broken else ()
    for relative in sorted(unlisted):
        source.findings.append(UNLISTED_SHARD.finding(f"{relative} is not in {RESULTS_INDEX}", file=relative))
    _check_classifications(source)
    _check_contributions(source, contributions)
    return sorted(present)


def _check_shards(source: Source, index: ResultsIndex, present: set[str]) -> set[str]:
    announced: set[str] = set()
    for position, node in enumerate(index.nodes):
        relative = node.result_path or f"{NODES_DIRECTORY}/{node.canonical_node_id}.jsonl"
        legacy = relative.removesuffix("l") if relative.endswith(".jsonl") else relative
        announced |= {relative, legacy}
        if legacy not in present and source.missing(relative):
            source.findings.append(
                MISSING_SHARD.finding(
                    f"{relative} does not exist",
                    file=RESULTS_INDEX,
                    json_path=f"/nodes/{position}/result_path",
                    actual=relative,
                )
            )
    return announced


def _check_classifications(source: Source) -> None:
    if not source.glob(f"{CLASSIFICATION_DIRECTORY}/*.*"):
        return
    if source.missing(CLASSIFICATIONS_FILE):
        source.findings.append(
            MISSING_CLASSIFICATIONS.finding(
                f"{CLASSIFICATIONS_FILE} does not exist, though the folder holds a classification",
                file=CLASSIFICATIONS_FILE,
            )
        )
    for relative in (CLASSIFICATION_SUMMARY_FILE, CLASSIFICATION_INDEX, CLASSIFICATION_MANIFEST):
        _check_document(source, relative, CLASSIFICATION_DIRECTORY)


def _check_contributions(source: Source, index: ContributionIndex) -> None:
    if contribution_names(source):
        _check_document(source, CONTRIBUTION_INDEX, CONTRIBUTION_DIRECTORY)
    for position, parent in enumerate(index.parents):
        for number, artifact in enumerate(parent.metric_artifacts):
            relative = artifact_file(artifact)
            if source.missing(relative):
                source.findings.append(
                    MISSING_CONTRIBUTIONS.finding(
                        f"{relative} does not exist",
                        file=CONTRIBUTION_INDEX,
                        json_path=f"/parents/{position}/metric_artifacts/{number}/artifact_path",
                        actual=artifact.artifact_path,
                    )
                )


def _check_document(source: Source, relative: str, folder: str) -> None:
    """Report a document of an analysis that the run has, as other files in its ``folder`` tell."""
    if source.missing(relative):
        source.findings.append(
            MISSING_ANALYSIS_DOCUMENT.finding(
                f"{relative} does not exist, though {folder} holds other files of it", file=relative
            )
        )
