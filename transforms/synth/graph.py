"""The insight graph: scopes of nodes, nodes and edges."""

from __future__ import annotations

from dataclasses import dataclass

from transforms.synth.taxonomy import Metric

FACILITY_FIELD = "medicareId"
DISCHARGE_STATUS = "dischargeStatus"
SERVICE_LINE = "vizientServiceLine"
SUB_SERVICE_LINE = "vizientSubServiceLine"

AGGREGATE = "aggregate_time_period"
MONTHLY = "dischargeMonth"
COMPARISON_GROUP = "peer_cohort"

TRENDS_TO = "trends_to"
SEGMENTS_INTO = "segments_into"
DRIVEN_BY = "potentially_driven_by"


@dataclass(frozen=True, slots=True)
class Scope:
    """Who the entities of a node are. ``parent`` and ``edge_type`` say how one gets there."""

    group_by_set: str
    dimensions: tuple[str, ...]
    dataset_suffix: str
    parent: str | None = None
    edge_type: str | None = None

    @property
    def facet_dimensions(self) -> tuple[str, ...]:
        """Dimensions beside the facility: entities that share their values are peers."""
        return self.dimensions[1:]

    @property
    def title(self) -> str:
        """Dimensions as people read them."""
        return " + ".join(_title(name) for name in self.dimensions)


SCOPES: tuple[Scope, ...] = (
    Scope("facility_base", (FACILITY_FIELD,), ""),
    Scope(
        "facility_discharge_status",
        (FACILITY_FIELD, DISCHARGE_STATUS),
        "_dschsts",
        "facility_base",
        DRIVEN_BY,
    ),
    Scope("facility_service_line", (FACILITY_FIELD, SERVICE_LINE), "_sl", "facility_base", SEGMENTS_INTO),
    Scope(
        "facility_service_line_sub_service_line",
        (FACILITY_FIELD, SERVICE_LINE, SUB_SERVICE_LINE),
        "_ssl",
        "facility_service_line",
        SEGMENTS_INTO,
    ),
)


@dataclass(frozen=True, slots=True)
class Node:
    """A node: a metric, a scope and a time grain."""

    metric: Metric
    scope: Scope
    time_grain: str
    entry_point: bool

    @property
    def id(self) -> str:
        """Metric, dimensions and grain, as the engine composes them."""
        return f"{self.family}__{self.time_grain}"

    @property
    def family(self) -> str:
        """Metric and dimensions."""
        return f"{self.metric.metric_id}__{'_'.join(self.scope.dimensions)}"

    @property
    def facet_family_id(self) -> str:
        """The family between literal backticks, as the engine writes it."""
        return f"`{self.family}`"

    @property
    def monthly(self) -> bool:
        """Whether the node's entities have timelines."""
        return self.time_grain == MONTHLY

    @property
    def description(self) -> str:
        """Free text."""
        kind = "by month" if self.monthly else "over the whole period"
        return f"{self.metric.display_name} {kind}, {self.scope.title}"

    def document(self) -> dict[str, object]:
        """The node as graph.json holds it."""
        return {
            "description": self.description,
            "facet_family_id": self.facet_family_id,
            "graph_entry_point": self.entry_point,
            "group_by_set": self.scope.group_by_set,
            "group_bys": group_bys(self.scope),
            "id": self.id,
            "metric_id": self.metric.metric_id,
            "name": self.id,
            "time_grain": self.time_grain,
        }


@dataclass(frozen=True, slots=True)
class Edge:
    """A directed edge between nodes."""

    source: Node
    target: Node
    type: str

    @property
    def id(self) -> str:
        """Source and target, as the engine composes them."""
        return f"{self.source.id}__to__{self.target.id}"

    def document(self) -> dict[str, object]:
        """The edge as graph.json and its definition hold it."""
        return {
            "id": self.id,
            "source": self.source.id,
            "target": self.target.id,
            "type": self.type,
            "direction": "forward",
            "conditions": [
                {"field": name, "operator": "equals", "value": f"{{{{{name}}}}}"}
                for name in self.target.scope.dimensions
            ],
            "rationale": _RATIONALES[self.type],
        }


_RATIONALES: dict[str, str] = {
    TRENDS_TO: "See the same entities month by month",
    SEGMENTS_INTO: "See the parts the value is made of",
    DRIVEN_BY: "Look for what may drive the value",
}


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes and edges of a run, both sorted by id."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def children(self, node: Node) -> list[Edge]:
        """Edges that leave ``node``."""
        return [edge for edge in self.edges if edge.source == node]

    def parents(self, node: Node) -> list[Edge]:
        """Edges that lead to ``node``."""
        return [edge for edge in self.edges if edge.target == node]


def build_graph(metrics: tuple[Metric, ...]) -> Graph:
    """A tree of nodes a metric; the first metric's facility aggregate is the entry point."""
    nodes: list[Node] = []
    edges: list[Edge] = []
    for position, metric in enumerate(metrics):
        aggregates: dict[str, Node] = {}
        for scope in SCOPES:
            aggregate = Node(metric, scope, AGGREGATE, entry_point=position == 0 and scope.parent is None)
            monthly = Node(metric, scope, MONTHLY, entry_point=False)
            aggregates[scope.group_by_set] = aggregate
            nodes += (aggregate, monthly)
            edges.append(Edge(aggregate, monthly, TRENDS_TO))
            if scope.parent is not None and scope.edge_type is not None:
                edges.append(Edge(aggregates[scope.parent], aggregate, scope.edge_type))
    return Graph(
        nodes=tuple(sorted(nodes, key=lambda node: node.id)),
        edges=tuple(sorted(edges, key=lambda edge: edge.id)),
    )


def group_bys(scope: Scope) -> list[dict[str, str]]:
    """Dimensions of ``scope`` as documents list them."""
    return [{"type": name, "dataset_field": name} for name in scope.dimensions]


def _title(name: str) -> str:
    return "".join(f" {letter}" if letter.isupper() else letter for letter in name).title()
