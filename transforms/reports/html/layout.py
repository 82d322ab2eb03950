"""Layers for drawing a graph: every edge leads to the right, except those that close a cycle."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

Edge = tuple[str, str]


def components(nodes: Iterable[str], edges: Iterable[Edge]) -> list[list[str]]:
    """Nodes that hang together, the largest group first; nodes in order of their names."""
    neighbours: dict[str, set[str]] = defaultdict(set)
    for source, target in edges:
        neighbours[source].add(target)
        neighbours[target].add(source)
    seen: set[str] = set()
    found = []
    for start in sorted(nodes):
        if start in seen:
            continue
        seen.add(start)
        group, queue = [], [start]
        while queue:
            node = queue.pop()
            group.append(node)
            fresh = neighbours[node] - seen
            seen |= fresh
            queue.extend(fresh)
        found.append(sorted(group))
    return sorted(found, key=lambda group: (-len(group), group))


def layers(nodes: Iterable[str], edges: Iterable[Edge]) -> list[list[str]]:
    """Nodes by layer: each as far left as its predecessors allow, near them within its layer."""
    members = sorted(nodes)
    depth = _depths(members, set(edges))
    grouped: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in members:
        grouped[depth[node]].append(node)
    before: dict[str, list[str]] = defaultdict(list)
    for source, target in edges:
        if depth[source] < depth[target]:
            before[target].append(source)
    row: dict[str, float] = {}
    for layer in grouped:
        # The mean row of its predecessors keeps a node's edges short and crossings few.
        layer.sort(
            key=lambda node: (
                sum(row[found] for found in before[node]) / len(before[node]) if before[node] else 0.0,
                node,
            )
        )
        for index, node in enumerate(layer):
            row[node] = index - len(layer) / 2
    return grouped


def _depths(nodes: list[str], edges: set[Edge]) -> dict[str, int]:
    """Length of the longest path to each node; where only a cycle is left, its first name goes first."""
    after: dict[str, list[str]] = defaultdict(list)
    waiting = dict.fromkeys(nodes, 0)
    for source, target in edges:
        if source != target:
            after[source].append(target)
            waiting[target] += 1
    depth = dict.fromkeys(nodes, 0)
    ready = [node for node in nodes if waiting[node] == 0]
    while waiting:
        if not ready:
            ready = [next(iter(waiting))]
        node = ready.pop()
        del waiting[node]
        for target in after[node]:
            if target not in waiting:
                continue
            depth[target] = max(depth[target], depth[node] + 1)
            waiting[target] -= 1
            if waiting[target] == 0:
                ready.append(target)
    return depth
