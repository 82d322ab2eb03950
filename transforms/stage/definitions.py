"""Node and edge definitions in YAML: checked against the graph, never loaded."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
import polars as pl
import yaml
from msgspec import Struct

from contracts.rules.parsing import INVALID_YAML, TOO_LARGE
from contracts.tables.auxiliary import DEFINITION_GROUPS, EDGE_DEFINITIONS, NODE_DEFINITIONS
from transforms.stage.diagnosis import split_path
from transforms.stage.frames import FrameBuilder
from transforms.stage.graph import GroupBy
from transforms.stage.reader import Source

NODE_PATTERN = "nodes/*/base/*/*.yaml"
EDGE_PATTERN = "edges/*/base/*/*.yaml"
NODE_GROUPS_PATTERN = "nodes/*/manifests/base.yaml"
EDGE_GROUPS_PATTERN = "edges/*/manifests/base.yaml"
FAMILIES_PATTERN = "nodes/*/manifests/facets.yaml"
DEFAULTS = "defaults/facet_family_defaults.yaml"
MAX_YAML_BYTES = 1024 * 1024
"""Definitions have 2 kB; anything large would take YAML's parser minutes."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_encode = msgspec.json.Encoder(order="sorted").encode
T = TypeVar("T")


class MethodDefinition(Struct):
    """A statistical method and the anomaly rules that look at it."""

    id: str
    anomaly_profile: str | None = None
    anomaly_methods: list[str] = []


class MethodContract(Struct, frozen=True):
    """Methods of a node, in order."""

    methods: list[MethodDefinition] = []


class MetadataColumn(Struct):
    """A column that entities carry as metadata."""

    id: str
    dataset_field: str | None = None
    aggregation: str | None = None


class NodeDefinition(Struct):
    """A node YAML file."""

    id: str
    metric_id: str | None = None
    time_grain: str | None = None
    group_by_set: str | None = None
    group_bys: list[GroupBy] = []
    graph_entry_point: bool | None = None
    facet_family_id: str | None = None
    description: str | None = None
    comparison_group: str | None = None
    metric_method_set: str | None = None
    tags: list[str] = []
    multi_method_contract: MethodContract = MethodContract()
    metadata_columns: list[MetadataColumn] = []


class Condition(Struct):
    """A condition of an edge."""

    field: str | None = None
    operator: str | None = None
    value: str | None = None


class EdgeDefinition(Struct):
    """An edge YAML file."""

    id: str | None = None
    source: str | None = None
    target: str | None = None
    type: str | None = None
    direction: str | None = None
    rationale: str | None = None
    conditions: list[Condition] = []


class Family(Struct):
    """A facet family of manifests/facets.yaml."""

    family_id: str
    group_by_set: str | None = None


class Families(Struct):
    """manifests/facets.yaml."""

    families: list[Family] = []


class DefaultFamilies(Struct, frozen=True):
    """The families that defaults/facet_family_defaults.yaml knows."""

    families: dict[str, Any] = {}


class Defaults(Struct):
    """defaults/facet_family_defaults.yaml."""

    defaults: DefaultFamilies = DefaultFamilies()


def stage_node_definitions(source: Source) -> pl.DataFrame:
    """Rows of the node YAML files; empty where the run has none."""
    builder = FrameBuilder(NODE_DEFINITIONS, tuple(NODE_DEFINITIONS.column_names[:-1]))
    for relative in source.glob(NODE_PATTERN):
        node = read_yaml(source, relative, NodeDefinition)
        if node is None:
            continue
        methods = node.multi_method_contract.methods
        builder.add(
            (
                node.id,
                node.metric_id,
                node.time_grain,
                node.group_by_set,
                _text(node.group_bys),
                _text([item.dataset_field for item in node.group_bys]),
                node.graph_entry_point,
                node.facet_family_id,
                node.description,
                node.comparison_group,
                node.metric_method_set,
                _text(node.tags),
                _text([method.id for method in methods]),
                _text([[method.id, method.anomaly_profile, method.anomaly_methods] for method in methods]),
                _text(node.metadata_columns),
                relative,
            )
        )
    builder.flush()
    return builder.frame()


def stage_edge_definitions(source: Source) -> pl.DataFrame:
    """Rows of the edge YAML files; empty where the run has none."""
    builder = FrameBuilder(EDGE_DEFINITIONS, tuple(EDGE_DEFINITIONS.column_names[:-1]))
    for relative in source.glob(EDGE_PATTERN):
        edge = read_yaml(source, relative, EdgeDefinition)
        if edge is not None:
            *values, conditions = msgspec.structs.astuple(edge)
            builder.add((*values, _text(conditions), relative))
    builder.flush()
    return builder.frame()


def stage_definition_groups(source: Source) -> pl.DataFrame:
    """Members of the lists that group nodes, edges and facet families."""
    builder = FrameBuilder(DEFINITION_GROUPS, DEFINITION_GROUPS.column_names[:-1])
    for kind, pattern in (("nodes", NODE_GROUPS_PATTERN), ("edges", EDGE_GROUPS_PATTERN)):
        for relative in source.glob(pattern):
            groups = read_yaml(source, relative, dict[str, dict[str, list[str]]])
            for name, members in (groups or {}).items():
                for member in members.get(kind, ()):
                    builder.add((kind, name, member, relative))
    for relative in source.glob(FAMILIES_PATTERN):
        families = read_yaml(source, relative, Families)
        for family in families.families if families else ():
            builder.add(("families", family.group_by_set or "", family.family_id, relative))
    for relative in source.glob(DEFAULTS):
        defaults = read_yaml(source, relative, Defaults)
        for family_id in defaults.defaults.families if defaults else ():
            builder.add(("defaults", "", family_id, relative))
    builder.flush()
    return builder.frame()


def read_yaml(source: Source, relative: str, type_: type[T]) -> T | None:
    """The YAML document as ``type_``; None (reported) where it cannot be read as that."""
    text = source.text(relative)
    if text is None:
        return None
    if len(text) > MAX_YAML_BYTES:
        source.findings.append(TOO_LARGE.finding(f"the definition has {len(text):,} bytes", file=relative))
        return None
    try:
        return msgspec.convert(yaml.load(text, Loader=_LOADER), type_)  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 if mark is not None else None
        _report(source, relative, error.problem or str(error), line)
    except yaml.YAMLError as error:
        _report(source, relative, str(error).splitlines()[0])
    except msgspec.ValidationError as error:
        message, steps = split_path(str(error))
        pointer = "".join(f"/{'*' if step == '...' else step}" for step in steps)
        _report(source, relative, message, pointer=pointer or None)
    except (RecursionError, ValueError) as error:
        _report(source, relative, str(error))
    return None


def _report(
    source: Source, relative: str, message: str, line: int | None = None, pointer: str | None = None
) -> None:
    text = message[0].lower() + message[1:]
    source.findings.append(INVALID_YAML.finding(text, file=relative, line=line, json_path=pointer))


def _text(value: Any) -> str:
    return _encode(value).decode()
