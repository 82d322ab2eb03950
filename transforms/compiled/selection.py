"""dbt's node selection, the part of its grammar that means the same for every engine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from transforms.compiled.dag import Dag
from transforms.compiled.errors import SelectionError
from transforms.compiled.manifest import Manifest, Node

_TERM = re.compile(
    r"(?P<up>(?P<up_depth>\d*)\+)?(?:(?P<method>[a-z_]+):)?(?P<value>[^+:,\s]+)(?P<down>\+(?P<down_depth>\d*))?"
)


def select(
    manifest: Manifest, dag: Dag, include: Sequence[str] = (), exclude: Sequence[str] = ()
) -> frozenset[str]:
    """Ids of the models, seeds and tests that ``include`` names and ``exclude`` does not.

    Each string may hold several selectors separated by spaces (any of them) and each selector
    several terms separated by commas (all of them). A term is ``NAME``, ``tag:NAME`` or
    ``resource_type:TYPE``, with ``*`` as a wildcard, and ``+`` (or ``2+``) before it for what it
    reads, after it for what reads it. A test joins as soon as one node it reads is selected.
    No ``include`` selects everything. Raises SelectionError when a term names nothing.
    """
    chosen = _union(manifest, dag, include) if include else frozenset(manifest.nodes)
    return chosen - _union(manifest, dag, exclude)


def _union(manifest: Manifest, dag: Dag, selectors: Iterable[str]) -> frozenset[str]:
    chosen: set[str] = set()
    for selector in (part for text in selectors for part in text.split()):
        terms = [_term(manifest, dag, term, selector) for term in selector.split(",")]
        chosen |= _with_tests(dag, frozenset.intersection(*terms))
    return frozenset(chosen)


def _with_tests(dag: Dag, chosen: frozenset[str]) -> frozenset[str]:
    tests = {
        child
        for unique_id in chosen
        if not dag.is_test(unique_id)
        for child in dag.children[unique_id]
        if dag.is_test(child)
    }
    return chosen | tests


def _term(manifest: Manifest, dag: Dag, term: str, selector: str) -> frozenset[str]:
    match = _TERM.fullmatch(term)
    if match is None:
        raise SelectionError(selector, f"{term!r} is not a selector")
    method, value = match["method"] or "name", match["value"]
    if method not in _METHODS:
        raise SelectionError(selector, f"unknown method {method!r}")
    matched = {
        unique_id
        for unique_id, node in manifest.nodes.items()
        if any(fnmatchcase(candidate, value) for candidate in _METHODS[method](node))
    }
    if not matched:
        raise SelectionError(selector, f"no node has {method} {value!r}")
    chosen = set(matched)
    for unique_id in matched:
        if match["up"]:
            chosen |= dag.ancestors(unique_id, _depth(match["up_depth"]))
        if match["down"]:
            chosen |= dag.descendants(unique_id, _depth(match["down_depth"]))
    return frozenset(chosen)


def _depth(text: str | None) -> int | None:
    return int(text) if text else None


def _name(node: Node) -> Iterable[str]:
    return (node.name,)


def _tags(node: Node) -> Iterable[str]:
    return node.tags


def _resource_type(node: Node) -> Iterable[str]:
    return (node.resource_type,)


_METHODS = {"name": _name, "tag": _tags, "resource_type": _resource_type}
