"""The graph of a compiled manifest: order, ancestors, descendants, and what waits for what in a build."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from graphlib import TopologicalSorter

from transforms.compiled.manifest import Manifest


class Dag:
    """Dependencies between the models, seeds and tests of a manifest (sources are not built).

    Raises graphlib.CycleError on first use of a manifest whose nodes depend on each other.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self.parents: dict[str, tuple[str, ...]] = {
            unique_id: tuple(parent for parent in node.depends_on if parent in manifest.nodes)
            for unique_id, node in sorted(manifest.nodes.items())
        }
        self.children: dict[str, list[str]] = {unique_id: [] for unique_id in self.parents}
        for unique_id, parents in self.parents.items():
            for parent in parents:
                self.children[parent].append(unique_id)

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Every node after the nodes it reads; ties in order of id."""
        return tuple(unique_id for layer in self.layers for unique_id in layer)

    @cached_property
    def layers(self) -> tuple[tuple[str, ...], ...]:
        """Nodes by their distance from the roots: a layer reads only from earlier ones."""
        sorter = TopologicalSorter(self.parents)
        sorter.prepare()
        layers = []
        while sorter.is_active():
            ready = sorter.get_ready()
            layers.append(tuple(sorted(ready)))
            sorter.done(*ready)
        return tuple(layers)

    @cached_property
    def _all_ancestors(self) -> dict[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}
        for unique_id in self.order:
            parents = self.parents[unique_id]
            found[unique_id] = frozenset(parents).union(*(found[parent] for parent in parents))
        return found

    def ancestors(self, unique_id: str, depth: int | None = None) -> frozenset[str]:
        """Nodes that ``unique_id`` reads, directly or through others, at most ``depth`` steps away."""
        if depth is None:
            return self._all_ancestors[unique_id]
        return _walk(self.parents, unique_id, depth)

    def descendants(self, unique_id: str, depth: int | None = None) -> frozenset[str]:
        """Nodes that read ``unique_id``, directly or through others, at most ``depth`` steps away."""
        return _walk(self.children, unique_id, depth)

    def is_test(self, unique_id: str) -> bool:
        """Whether the node is a data test."""
        return self._manifest.nodes[unique_id].resource_type == "test"

    def blockers(self, selected: Collection[str]) -> dict[str, frozenset[str]]:
        """For each selected node, the selected nodes that must have succeeded before it runs.

        As ``dbt build`` does: what it reads, however far up, and the tests of what it reads, so that
        nothing is built on data that failed its tests. A test on several nodes blocks only the
        nodes that stand below all of them.
        """
        chosen = frozenset(selected)
        tests = [
            (unique_id, frozenset(self.parents[unique_id]))
            for unique_id in sorted(chosen)
            if self.is_test(unique_id)
        ]
        blockers = {}
        for unique_id in chosen:
            above = self.ancestors(unique_id)
            waits = above & chosen
            if not self.is_test(unique_id):
                waits = waits.union(test for test, reads in tests if reads and reads <= above)
            blockers[unique_id] = waits
        return blockers


def _walk(edges: Mapping[str, Iterable[str]], start: str, depth: int | None) -> frozenset[str]:
    found: set[str] = set()
    frontier = {start}
    while frontier and (depth is None or depth > 0):
        frontier = {neighbour for node in frontier for neighbour in edges[node]} - found
        found |= frontier
        depth = None if depth is None else depth - 1
    return frozenset(found)
