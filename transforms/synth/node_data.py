"""Everything known of a metric in one scope: the aggregate node and its monthly node."""

from __future__ import annotations

from dataclasses import dataclass

from transforms.synth.graph import AGGREGATE, MONTHLY, Graph, Node
from transforms.synth.measures import Measures, build_measures
from transforms.synth.peers import AggregatePeers, TrendPeers, compare_aggregates, compare_trends
from transforms.synth.population import Entities, Population
from transforms.synth.taxonomy import Metric


@dataclass(frozen=True, slots=True)
class NodeData:
    """Values and statistics of the two nodes of a metric and scope."""

    aggregate_node: Node
    monthly_node: Node
    entities: Entities
    measures: Measures
    aggregate: AggregatePeers
    trend: TrendPeers


def measure_metric(seed: int, graph: Graph, population: Population, metric: Metric) -> dict[str, NodeData]:
    """Data of every scope of ``metric`` by group_by_set."""
    nodes = {
        (node.scope.group_by_set, node.time_grain): node for node in graph.nodes if node.metric == metric
    }
    found = {}
    for name, entities in population.entities.items():
        measures = build_measures(seed, metric, population, entities)
        found[name] = NodeData(
            aggregate_node=nodes[name, AGGREGATE],
            monthly_node=nodes[name, MONTHLY],
            entities=entities,
            measures=measures,
            aggregate=compare_aggregates(entities, measures),
            trend=compare_trends(entities, measures, len(population.periods)),
        )
    return found
