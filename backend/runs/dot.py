"""Graphs written in DOT: which nodes and edges there are, and their attributes.

The whole language is read: subgraphs, default attributes, chains of edges, ports, strings of all
kinds. Layout is nobody's business here, so attributes of graphs are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from backend.runs.dot_tokens import DotError, Kind, Token, tokens

MAX_EDGES = 200_000
MAX_DEPTH = 100


class Html(str):
    """A string that was written as HTML, between angle brackets."""

    __slots__ = ()


Attributes = dict[str, str]


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge; of an undirected graph, in the order it was written."""

    source: str
    target: str
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph. Nodes are in the order in which they are first named."""

    name: str
    directed: bool
    nodes: dict[str, Attributes]
    edges: list[Edge]


@dataclass(slots=True)
class _Scope:
    """Defaults that hold between a pair of braces, and the nodes that are named there."""

    node: Attributes = field(default_factory=dict)
    edge: Attributes = field(default_factory=dict)
    members: dict[str, None] = field(default_factory=dict)

    def inner(self) -> _Scope:
        return _Scope(dict(self.node), dict(self.edge))


def parse_dot(text: str) -> Graph:
    """The graph that ``text`` describes. Raises DotError.

    Where a node gets an attribute twice, the first one counts.
    """
    return _Parser(text).graph()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = tokens(text)
        self._token = next(self._tokens)
        self._after: Token | None = None
        self._strict = False
        self._arrow = "->"
        self._depth = 0
        # Attributes of a node: its own, then the defaults of the place where it was first named.
        self._nodes: dict[str, tuple[Attributes, Attributes]] = {}
        self._edges: list[Edge] = []
        self._by_ends: dict[tuple[str, str], Edge] = {}

    def graph(self) -> Graph:
        self._strict = self._accept_keyword("strict")
        directed = self._accept_keyword("digraph")
        if not directed and not self._accept_keyword("graph"):
            raise self._unexpected("graph or digraph")
        self._arrow = "->" if directed else "--"
        name = self._id() if self._at_id() else ""
        self._block(_Scope())
        if self._token.kind is not Kind.END:
            raise self._unexpected("the end")
        nodes = {node: defaults | own for node, (own, defaults) in self._nodes.items()}
        return Graph(name, directed, nodes, self._edges)

    def _block(self, scope: _Scope) -> None:
        self._expect("{")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise DotError(self._token.line, f"more than {MAX_DEPTH} levels of braces")
        while not self._accept("}"):
            self._statement(scope)
            self._accept(";")
        self._depth -= 1

    def _statement(self, scope: _Scope) -> None:
        if self._token.kind is Kind.KEYWORD and self._token.text in ("graph", "node", "edge"):
            self._defaults(scope)
            return
        if self._at_id() and self._peek().text == "=" and self._peek().kind is Kind.SIGN:
            self._id()
            self._expect("=")
            self._id()
            return
        single = self._at_id()
        chain = [self._end(scope)]
        while self._token.kind is Kind.SIGN and self._token.text in ("->", "--"):
            if not self._accept(self._arrow):
                raise self._unexpected(f"{self._arrow} between the nodes of this graph")
            chain.append(self._end(scope))
        if len(chain) > 1:
            attributes = scope.edge | self._attribute_lists()
            for sources, targets in pairwise(chain):
                self._connect(sources, targets, attributes)
        elif single:
            own, _ = self._nodes[chain[0][0]]
            for name, value in self._attribute_lists().items():
                own.setdefault(name, value)

    def _defaults(self, scope: _Scope) -> None:
        kind = self._advance().text
        if not self._at_sign("["):
            raise self._unexpected("[")
        attributes = self._attribute_lists()
        if kind == "node":
            scope.node |= attributes
        elif kind == "edge":
            scope.edge |= attributes

    def _end(self, scope: _Scope) -> list[str]:
        """What an edge can end at: a node, or all nodes of a subgraph."""
        if self._at_sign("{") or (self._token.kind is Kind.KEYWORD and self._token.text == "subgraph"):
            inner = scope.inner()
            if self._accept_keyword("subgraph") and self._at_id():
                self._id()
            self._block(inner)
            scope.members |= inner.members
            return list(inner.members)
        node = self._id()
        # A port, and a point of the compass: where at the node the edge is drawn.
        for _ in range(2):
            if self._accept(":"):
                self._id()
        scope.members[node] = None
        self._nodes.setdefault(node, ({}, dict(scope.node)))
        return [node]

    def _connect(self, sources: Iterable[str], targets: Iterable[str], attributes: Attributes) -> None:
        for source in sources:
            for target in targets:
                ends = (source, target) if self._arrow == "->" else (min(source, target), max(source, target))
                known = self._by_ends.get(ends) if self._strict else None
                if known is not None:
                    known.attributes.update(attributes)
                    continue
                if len(self._edges) >= MAX_EDGES:
                    raise DotError(self._token.line, f"more than {MAX_EDGES} edges")
                edge = Edge(source, target, dict(attributes))
                self._edges.append(edge)
                self._by_ends[ends] = edge

    def _attribute_lists(self) -> Attributes:
        attributes: Attributes = {}
        while self._accept("["):
            while not self._accept("]"):
                name = self._id()
                self._expect("=")
                attributes[name] = self._id()
                if not self._accept(","):
                    self._accept(";")
        return attributes

    def _id(self) -> str:
        if not self._at_id():
            raise self._unexpected("a name")
        token = self._advance()
        if token.kind is Kind.HTML:
            return Html(token.text)
        text = token.text
        while self._accept("+"):
            if self._token.kind is not Kind.ID:
                raise self._unexpected("a string")
            text += self._advance().text
        return text

    def _at_id(self) -> bool:
        return self._token.kind in (Kind.ID, Kind.HTML)

    def _at_sign(self, text: str) -> bool:
        return self._token.kind is Kind.SIGN and self._token.text == text

    def _accept(self, sign: str) -> bool:
        if not self._at_sign(sign):
            return False
        self._advance()
        return True

    def _accept_keyword(self, keyword: str) -> bool:
        if self._token.kind is not Kind.KEYWORD or self._token.text != keyword:
            return False
        self._advance()
        return True

    def _expect(self, sign: str) -> None:
        if not self._accept(sign):
            raise self._unexpected(sign)

    def _peek(self) -> Token:
        if self._after is None:
            self._after = next(self._tokens)
        return self._after

    def _advance(self) -> Token:
        token = self._token
        self._token = self._peek()
        self._after = None
        return token

    def _unexpected(self, wanted: str) -> DotError:
        found = "the end" if self._token.kind is Kind.END else repr(self._token.text)
        return DotError(self._token.line, f"expected {wanted}, found {found}")
