"""First lines of node files, and what they share with the results index."""

from __future__ import annotations

import numpy as np

from transforms.synth.graph import COMPARISON_GROUP, MONTHLY, Graph, Node
from transforms.synth.measures import MIN_PEERS_AGGREGATE
from transforms.synth.methods import ROBUST, SIMPLE, SLOPE, TRENDING_ROBUST, TRENDING_SIMPLE, Method
from transforms.synth.numbers import nullable
from transforms.synth.peers import (
    MAD_FLOOR,
    MIN_PEERS_TREND,
    PERCENTILES,
    STD_FLOOR_AGGREGATE,
    STD_FLOOR_TREND,
    AggregatePeers,
    TrendPeers,
)
from transforms.synth.population import Entities
from transforms.synth.statistics import PeerStatistics
from transforms.synth.streams import BoolArray, IntArray

Document = dict[str, object]


def dataset_path(node: Node) -> str:
    """Where the engine would have read the node's rows: a path of its own host."""
    grain = "m" if node.monthly else "y"
    return f"/app/datasets/inpatient-outcomes_medicareid_{grain}{node.scope.dataset_suffix}__synthetic.csv"


def node_summary(node: Node, periods: tuple[str, ...]) -> Document:
    """Scope of a node, and the window of a monthly one."""
    summary: Document = {
        "entity_scope": {"display_name": node.scope.title, "comparison_group": COMPARISON_GROUP}
    }
    if node.monthly:
        summary["temporal_context"] = {
            "time_grain": MONTHLY,
            "start_period": periods[0],
            "end_period": periods[-1],
            "period_count": len(periods),
        }
    return summary


def aggregate_header(
    graph: Graph, node: Node, periods: tuple[str, ...], entities: Entities, peers: AggregatePeers
) -> Document:
    """Header of an aggregate node: one facet a peer group, without numbers where suppressed."""
    sizes = np.bincount(entities.facet, minlength=len(entities.facets))
    counts = _facet_counts(sizes, sizes, peers.facets.count)
    hidden = peers.suppressed_facets
    shared: Document = {"min_peer_count": MIN_PEERS_AGGREGATE}
    methods = [
        _method(
            SIMPLE, entities, counts, _simple_statistics(peers.facets, hidden, STD_FLOOR_AGGREGATE, shared)
        ),
        _method(ROBUST, entities, counts, _robust_statistics(peers.facets, hidden, shared)),
    ]
    return _header(graph, node, periods, methods, len(entities))


def trend_header(
    graph: Graph, node: Node, periods: tuple[str, ...], entities: Entities, peers: TrendPeers
) -> Document:
    """Header of a monthly node: pooled statistics of each facet, percentiles of each month."""
    groups = len(entities.facets)
    rows = np.bincount(entities.facet, weights=entities.lengths, minlength=groups).astype(np.int64)
    sizes = np.bincount(entities.facet, minlength=groups)
    observed = np.bincount(entities.facet[peers.observations > 0], minlength=groups)
    counts = _facet_counts(rows, sizes, observed)
    hidden = np.full(groups, peers.suppressed)
    shared: Document = {"min_peer_count": MIN_PEERS_TREND}
    robust = _method(TRENDING_ROBUST, entities, counts, _robust_statistics(peers.facets, hidden, shared))
    summary = robust["summary"]
    assert isinstance(summary, dict)
    summary["global_statistics"]["percentile_trends"] = _percentile_trends(periods, peers)
    methods: list[Document] = [
        _method(
            TRENDING_SIMPLE,
            entities,
            counts,
            _simple_statistics(peers.facets, hidden, STD_FLOOR_TREND, shared),
        ),
        robust,
        {"statistical_method": SLOPE.id},
    ]
    return _header(graph, node, periods, methods, len(entities))


def _header(
    graph: Graph, node: Node, periods: tuple[str, ...], methods: list[Document], entities: int
) -> Document:
    return {
        "type": "node_metadata",
        "canonical_node_id": node.id,
        "canonical_child_node_ids": [
            {"canonical_child_node_id": edge.target.id, "edge_type": edge.type}
            for edge in graph.children(node)
        ],
        "canonical_parent_node_ids": [
            {"canonical_parent_node_id": edge.source.id, "edge_type": edge.type}
            for edge in graph.parents(node)
        ],
        "metric_id": node.metric.metric_id,
        "dataset_path": dataset_path(node),
        "summary": node_summary(node, periods),
        "statistical_methods": methods,
        "entity_results_count": entities,
    }


def _facet_counts(records: IntArray, entities: IntArray, with_statistics: IntArray) -> list[dict[str, int]]:
    return [
        {"record_count": record, "entity_count": entity, "entity_with_statistics_count": known}
        for record, entity, known in zip(
            records.tolist(), entities.tolist(), with_statistics.tolist(), strict=True
        )
    ]


def _method(
    method: Method, entities: Entities, counts: list[dict[str, int]], statistics: list[Document]
) -> Document:
    facets = [
        {
            "facet_values": entities.facet_values(index),
            "facet_counts": count,
            "method_statistics": values,
            "warnings": [],
        }
        for index, (count, values) in enumerate(zip(counts, statistics, strict=True))
    ]
    records = sum(count["record_count"] for count in counts)
    return {
        "statistical_method": method.id,
        "summary": {
            "global_statistics": {
                "group_by_columns": list(entities.scope.dimensions),
                "facets": facets,
                "aggregate_statistics": {"global_record_count": records},
            }
        },
    }


def _simple_statistics(
    peers: PeerStatistics, hidden: BoolArray, floor: float, shared: Document
) -> list[Document]:
    means, stds = (nullable(np.where(hidden, np.nan, values)) for values in (peers.mean, peers.std))
    return [
        {
            "global_metric_mean": mean,
            "global_metric_std": std,
            "std_floor": floor,
            "std_floor_applied": std is not None and std < floor,
            **shared,
        }
        for mean, std in zip(means, stds, strict=True)
    ]


def _robust_statistics(peers: PeerStatistics, hidden: BoolArray, shared: Document) -> list[Document]:
    means, medians, mads = (
        nullable(np.where(hidden, np.nan, values)) for values in (peers.mean, peers.median, peers.mad)
    )
    return [
        {
            "global_metric_mean": mean,
            "global_metric_median": median,
            "global_mad": mad,
            "mad_floor": MAD_FLOOR,
            "mad_floor_applied": mad is not None and mad < MAD_FLOOR,
            "winsor_percentile": 0.0,
            "winsor_applied": False,
            **shared,
        }
        for mean, median, mad in zip(means, medians, mads, strict=True)
    ]


def _percentile_trends(periods: tuple[str, ...], peers: TrendPeers) -> Document:
    names = [f"p{percentile}" for percentile in PERCENTILES]
    return {
        "periods": list(periods),
        **{name: nullable(row) for name, row in zip(names, peers.percentiles, strict=True)},
        "sample_sizes": peers.months.count.tolist(),
        "suppression_applied": {name: [False] * len(periods) for name in names},
    }
