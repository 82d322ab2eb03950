"""Which files a run must have, judged by what its own indexes announce."""

from __future__ import annotations

from msgspec import Struct

from contracts.rules.files import (
    MISSING_CLASSIFICATIONS,
    MISSING_CONTRIBUTIONS,
    MISSING_SHARD,
    UNLISTED_SHARD,
)
from transforms.run import RESULTS_INDEX
from transforms.stage.classifications import CLASSIFICATION_DIRECTORY, CLASSIFICATIONS_FILE
from transforms.stage.contributions import CONTRIBUTION_DIRECTORY, CONTRIBUTION_INDEX
from transforms.stage.graph import ResultsIndex
from transforms.stage.nodes import NODES_DIRECTORY
from transforms.stage.reader import Source


class ContributionArtifact(Struct):
    """A contribution file the index announces."""

    artifact_path: str
    metric_id: str | None = None
    row_count: int | None = None


class ContributionParent(Struct):
    """A parent node of the contribution index."""

    parent_node_id: str
    metric_artifacts: list[ContributionArtifact] = []


class ContributionIndex(Struct):
    """analysis/contribution/index.json."""

    parents: list[ContributionParent] = []


def check_layout(source: Source, index: ResultsIndex) -> list[str]:
    """Report announced files that are missing; return the node files to stage, sorted."""
    present = {*source.glob(f"{NODES_DIRECTORY}/*.jsonl"), *source.glob(f"{NODES_DIRECTORY}/*.json")}
    announced = _check_shards(source, index, present)
    for relative in sorted(present - announced):
        source.findings.append(
            UNLISTED_SHARD.finding(f"{relative} is not in {RESULTS_INDEX}", file=relative)
        )
    _check_classifications(source)
    _check_contributions(source)
    return sorted(present)


def _check_shards(source: Source, index: ResultsIndex, present: set[str]) -> set[str]:
    announced: set[str] = set()
    for position, node in enumerate(index.nodes):
        relative = node.result_path or f"{NODES_DIRECTORY}/{node.canonical_node_id}.jsonl"
        legacy = relative.removesuffix("l") if relative.endswith(".jsonl") else relative
        announced |= {relative, legacy}
        if source.open(relative) is None and legacy not in present:
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
    if source.open(CLASSIFICATIONS_FILE) is None and source.glob(f"{CLASSIFICATION_DIRECTORY}/*"):
        source.findings.append(
            MISSING_CLASSIFICATIONS.finding(
                f"{CLASSIFICATIONS_FILE} does not exist, though the folder holds a classification",
                file=CLASSIFICATIONS_FILE,
            )
        )


def _check_contributions(source: Source) -> None:
    if source.open(CONTRIBUTION_INDEX) is None:
        return
    index: ContributionIndex | None = source.document(CONTRIBUTION_INDEX, ContributionIndex)
    for position, parent in enumerate(index.parents if index else ()):
        for number, artifact in enumerate(parent.metric_artifacts):
            name = artifact.artifact_path
            relative = name if name.startswith(CONTRIBUTION_DIRECTORY) else f"{CONTRIBUTION_DIRECTORY}/{name}"
            if source.open(relative) is None:
                source.findings.append(
                    MISSING_CONTRIBUTIONS.finding(
                        f"{relative} does not exist",
                        file=CONTRIBUTION_INDEX,
                        json_path=f"/parents/{position}/metric_artifacts/{number}/artifact_path",
                        actual=name,
                    )
                )
