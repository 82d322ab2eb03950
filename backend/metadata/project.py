"""The dbt project as its compiled manifest describes it: models, their tests, and what feeds what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from backend.metadata.documents import Document, parsed_once
from backend.metadata.errors import ManifestMissing

_FORMAT = 1

Json = Mapping[str, Any]


class Layer(StrEnum):
    """Part of the project that a model belongs to."""

    STAGING = "staging"
    INTERMEDIATE = "intermediate"
    MARTS = "marts"
    SEMANTIC = "semantic"


_PREFIXES = {
    "stg_": Layer.STAGING,
    "int_": Layer.INTERMEDIATE,
    "fct_": Layer.MARTS,
    "dim_": Layer.MARTS,
}


@dataclass(frozen=True, slots=True)
class Node:
    """A model, source or seed. ``depends_on`` and ``referenced_by`` are unique ids."""

    unique_id: str
    name: str
    resource_type: str
    raw: Json
    depends_on: tuple[str, ...]
    referenced_by: tuple[str, ...]

    @property
    def source_name(self) -> str | None:
        """Name of the source that a source table belongs to."""
        name: str | None = self.raw.get("source_name")
        return name

    @property
    def tags(self) -> tuple[str, ...]:
        """Tags, sorted."""
        return tuple(self.raw.get("tags", ()))

    @property
    def layers(self) -> frozenset[Layer]:
        """Layers that the name or a tag puts it in."""
        named = {layer for prefix, layer in _PREFIXES.items() if self.name.startswith(prefix)}
        return frozenset(named | {layer for layer in Layer if layer.value in self.tags})

    @property
    def layer(self) -> str:
        """The layer it is shown in: ``raw`` for sources, ``other`` where nothing says."""
        if self.resource_type == "source":
            return "raw"
        return next((layer.value for layer in Layer if layer in self.layers), "other")


@dataclass(frozen=True, slots=True)
class Project:
    """A parsed manifest; nothing in it changes."""

    name: str
    dbt_version: str
    nodes: Mapping[str, Node]
    models: Mapping[str, Node]
    tests: Mapping[str, tuple[Json, ...]]
    """Tests of a model, by the model's unique id."""
    metrics: tuple[Json, ...]
    semantic_models: tuple[Json, ...]

    @property
    def sources(self) -> list[Node]:
        """Source tables, by unique id."""
        return [node for node in self.nodes.values() if node.resource_type == "source"]

    def upstream(self, start: Node, depth: int | None = None) -> list[Node]:
        """All that ``start`` is made of, depth first, each once; at most ``depth`` steps away."""
        return self._reach(start, "depends_on", depth)

    def downstream(self, start: Node, depth: int | None = None) -> list[Node]:
        """All that is made of ``start``, likewise."""
        return self._reach(start, "referenced_by", depth)

    def _reach(self, start: Node, direction: str, depth: int | None) -> list[Node]:
        distances = self._distances(start, direction)
        order: dict[str, Node] = {}
        stack = [start]
        while stack:
            node = stack.pop()
            if node.unique_id in order:
                continue
            order[node.unique_id] = node
            stack.extend(self.nodes[each] for each in reversed(getattr(node, direction)))
        return [
            node
            for unique_id, node in order.items()
            if unique_id != start.unique_id and (depth is None or distances[unique_id] <= depth)
        ]

    def _distances(self, start: Node, direction: str) -> dict[str, int]:
        distances = {start.unique_id: 0}
        frontier = [start]
        while frontier:
            following = []
            for node in frontier:
                for each in getattr(node, direction):
                    if each not in distances:
                        distances[each] = distances[node.unique_id] + 1
                        following.append(self.nodes[each])
            frontier = following
        return distances


@parsed_once
def parse_project(document: Document) -> Project:
    """The project that a stored manifest describes. Raises ManifestMissing for another format."""
    manifest: Json = orjson.loads(document.content)
    if manifest.get("format") != _FORMAT:
        raise ManifestMissing()
    raw = {**manifest.get("sources", {}), **manifest["nodes"]}
    tables = {
        unique_id: node
        for unique_id, node in sorted(raw.items())
        if node["resource_type"] in ("model", "source", "seed")
    }
    children = _children(tables)
    nodes = {
        unique_id: Node(
            unique_id=unique_id,
            name=node["name"],
            resource_type=node["resource_type"],
            raw=node,
            depends_on=tuple(each for each in node.get("depends_on", ()) if each in tables),
            referenced_by=tuple(children.get(unique_id, ())),
        )
        for unique_id, node in tables.items()
    }
    return Project(
        name=manifest.get("project_name", "unknown"),
        dbt_version=manifest.get("dbt_version", "unknown"),
        nodes=nodes,
        models={node.name: node for node in nodes.values() if node.resource_type == "model"},
        tests=_tests(node for node in raw.values() if node["resource_type"] == "test"),
        metrics=tuple(manifest.get("metrics", ())),
        semantic_models=tuple(manifest.get("semantic_models", ())),
    )


def _children(tables: Mapping[str, Json]) -> dict[str, list[str]]:
    children: dict[str, list[str]] = {}
    for unique_id, node in tables.items():
        for parent in node.get("depends_on", ()):
            children.setdefault(parent, []).append(unique_id)
    return children


def _tests(tests: Iterable[Json]) -> dict[str, tuple[Json, ...]]:
    """Tests by what they test: the node they are attached to, else all that they read."""
    found: dict[str, list[Json]] = {}
    for test in sorted(tests, key=lambda each: str(each["unique_id"])):
        attached = test.get("test", {}).get("attached_node")
        for tested in [attached] if attached else test.get("depends_on", ()):
            found.setdefault(tested, []).append(test)
    return {tested: tuple(each) for tested, each in found.items()}
