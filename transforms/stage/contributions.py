"""Contributions of child entities to their parents: one file a child node and metric."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from contracts.tables.analysis import CONTRIBUTIONS
from contracts.tables.auxiliary import CONTRIBUTION_FILES, ROW_RUN_IDS
from transforms.stage.frames import FrameBuilder
from transforms.stage.keys import FACILITY, KeyRing
from transforms.stage.reader import DecodingError, Source, decode_member
from transforms.stage.run_ids import RunIds
from transforms.stage.shards import Shard
from transforms.stage.structs import EMPTY, Count, json_text

CONTRIBUTION_DIRECTORY = "analysis/contribution"
CONTRIBUTION_INDEX = f"{CONTRIBUTION_DIRECTORY}/index.json"


class ContributionArtifact(Struct):
    """A contribution file the index announces."""

    artifact_path: str
    row_count: Count
    metric_id: str | None = None
    output_format: str | None = None


class ContributionParent(Struct):
    """A parent node of the contribution index."""

    parent_node_id: str
    metrics: dict[str, str]
    metric_artifacts: list[ContributionArtifact]
    child_rows: Count


class ContributionIndex(Struct):
    """analysis/contribution/index.json."""

    parents: list[ContributionParent] = []
    run_id: str | None = None


class Contribution(Struct, gc=False):
    """One line of a contribution file."""

    metric_id: str
    parent_node_id: str | None = None
    child_node_id: str | None = None
    parent_entity: Raw = EMPTY
    child_entity: Raw = EMPTY
    method: str | None = None
    child_value: float | None = None
    parent_value: float | None = None
    weight_field: str | None = None
    weight_value: float | None = None
    weight_share: float | None = None
    weighted_child_value: float | None = None
    raw_component: float | None = None
    contribution_value: float | None = None
    excess_over_parent: float | None = None
    parent_statistics: Raw = EMPTY
    assumptions: Raw = EMPTY
    fallbacks: Raw = EMPTY
    missing_inputs: Raw = EMPTY
    timestamp: str | None = None
    run_id: str | None = None


def read_contribution_index(source: Source) -> ContributionIndex:
    """The contribution index; an empty one where there is none or it cannot be read."""
    index: ContributionIndex | None = source.document(CONTRIBUTION_INDEX, ContributionIndex)
    return index or ContributionIndex()


def artifact_file(artifact: ContributionArtifact) -> str:
    """File of an artifact relative to the run; indexes write it relative to their folder."""
    name = artifact.artifact_path
    return name if name.startswith(CONTRIBUTION_DIRECTORY) else f"{CONTRIBUTION_DIRECTORY}/{name}"


_decode = msgspec.json.Decoder(Contribution).decode
_NO_VALUES = b"{}"
_NOBODY = frozenset({b"", b"null", _NO_VALUES})
_COLUMNS = tuple(
    name for name in CONTRIBUTIONS.column_names if name not in ("run_key", "run_id", "source_file")
)


def contribution_names(source: Source) -> list[str]:
    """The run's contribution files, whatever the index says."""
    return source.glob(f"{CONTRIBUTION_DIRECTORY}/*.jsonl")


def stage_contributions(source: Source, keys: KeyRing, relative: str, node_metrics: dict[str, str]) -> Shard:
    """Rows of a contribution file, and how many lines it has.

    ``node_metrics`` gives the metric of each node.
    """
    builder = FrameBuilder(CONTRIBUTIONS, _COLUMNS, source.findings.append)
    rows = Rows(keys, node_metrics)
    run_ids = RunIds()
    reader = source.lines(relative)
    for number, line in reader:
        try:
            item = _decode(line)
            if item.parent_node_id is not None and item.child_node_id is not None:
                builder.add(rows.row(item, item.parent_node_id, item.child_node_id, number))
                run_ids.add(item.run_id, number)
        except DecodingError as error:
            source.report(relative, number, line, error)
        else:
            reader.check_keys(number, line)
    builder.flush(run_key=source.run.run_key, run_id=source.run.run_id, source_file=relative)
    counted = FrameBuilder(CONTRIBUTION_FILES, ("lines", "source_file"))
    counted.add((reader.lines, relative))
    counted.flush()
    return Shard(
        {
            CONTRIBUTIONS.name: builder.frame(),
            CONTRIBUTION_FILES.name: counted.frame(),
            ROW_RUN_IDS.name: run_ids.frame(relative),
        }
    )


class Rows:
    """Makes rows of one file; a parent's key is computed once for all its children."""

    def __init__(self, keys: KeyRing, node_metrics: dict[str, str]) -> None:
        self._keys = keys
        self._node_metrics = node_metrics
        self._parent_keys: dict[tuple[str, str, bytes], str] = {}

    def row(
        self, item: Contribution, parent_node_id: str, child_node_id: str, line: int
    ) -> tuple[object, ...]:
        """The row of a line. Raises msgspec.ValidationError."""
        raw = bytes(item.parent_entity) or _NO_VALUES
        parent = decode_member(self._keys.entity, raw, "/parent_entity")
        facility_id = parent.facility_id
        if facility_id is None:
            raise msgspec.ValidationError(
                f"Object missing required field `{FACILITY}` - at `$.parent_entity`"
            )
        parent_metric = self._node_metrics.get(parent_node_id, item.metric_id)
        place = (parent_node_id, parent_metric, raw)
        parent_key = self._parent_keys.get(place)
        if parent_key is None:
            parent_key = self._parent_keys[place] = self._keys.entity_key(
                parent_metric, parent_node_id, facility_id, parent.dimensions.hash
            )
        child_metric = self._node_metrics.get(child_node_id, item.metric_id)
        child_text = child_hash = child_key = None
        raw = bytes(item.child_entity)
        if raw not in _NOBODY:
            child = decode_member(self._keys.entity, raw, "/child_entity")
            child_text, child_hash = child.text, child.dimensions.hash
            child_key = self._keys.entity_key(
                child_metric, child_node_id, child.facility_id or facility_id, child_hash
            )
        return (
            parent_node_id,
            child_node_id,
            item.metric_id,
            child_metric,
            item.method,
            facility_id,
            parent.text,
            parent.dimensions.hash,
            parent_key,
            child_text,
            child_hash,
            child_key,
            item.child_value,
            item.parent_value,
            item.weight_field,
            item.weight_value,
            item.weight_share,
            item.weighted_child_value,
            item.raw_component,
            item.contribution_value,
            item.excess_over_parent,
            json_text(item.parent_statistics),
            json_text(item.assumptions),
            json_text(item.fallbacks),
            json_text(item.missing_inputs),
            item.timestamp,
            line,
        )
