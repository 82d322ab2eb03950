"""Generates a run: population, then node by node, then the analyses."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from pathlib import Path

from transforms.synth.aggregate_node import aggregate_lines
from transforms.synth.classification_files import Classified, classify_node, write_classifications
from transforms.synth.contribution_files import (
    Artifacts,
    write_contribution_index,
    write_metric_contributions,
)
from transforms.synth.definitions import write_definitions
from transforms.synth.documents import write_documents
from transforms.synth.errors import InvalidSynthesis
from transforms.synth.graph import Graph, build_graph
from transforms.synth.headers import aggregate_header, trend_header
from transforms.synth.identity import Identity, identify
from transforms.synth.modeling import write_modeling
from transforms.synth.narratives import write_narratives
from transforms.synth.node_data import NodeData, measure_metric
from transforms.synth.population import Population, build_population
from transforms.synth.taxonomy import Metric
from transforms.synth.taxonomy import metrics as first_metrics
from transforms.synth.trend_node import trend_lines
from transforms.synth.writer import RunWriter, new_run_directory

Advance = Callable[[str, int, int], None]
"""Called with what was written, how many steps are done and how many there are."""


def generate_run(
    out: Path,
    *,
    facilities: int = 24,
    metrics: int = 1,
    months: int = 12,
    seed: int = 0,
    graph_name: str = "synthetic",
    run_id: str = "20260301070000",
    on_progress: Advance | None = None,
) -> Path:
    """Write a complete, valid run to ``out/<graph_name>/<run_id>`` and return that path.

    The same arguments give the same bytes. With fewer than 15 facilities every comparison of
    aggregates is suppressed for want of peers. ``on_progress`` hears what was written, how
    many steps are done and how many there are.

    Raises InvalidSynthesis for arguments that describe no run, and RunAlreadyExists where the
    directory holds something. A run appears whole or not at all.
    """
    for argument, value in (("facilities", facilities), ("metrics", metrics), ("months", months)):
        if value < 1:
            raise InvalidSynthesis(argument, value, "at least 1")
    identity = identify(graph_name, run_id)
    target = out / graph_name / run_id
    with new_run_directory(target) as writer:
        _write_run(writer, identity, build_population(seed, facilities, months), seed, metrics, on_progress)
    return target


def _write_run(
    writer: RunWriter,
    identity: Identity,
    population: Population,
    seed: int,
    metrics: int,
    on_progress: Advance | None,
) -> None:
    used = first_metrics(metrics)
    graph = build_graph(used)
    steps = len(graph.nodes)
    advance = on_progress or (lambda name, done, total: None)
    write_documents(writer, identity, graph, used, population.periods)
    write_definitions(writer, graph)
    classified: dict[str, list[Classified]] = {}
    artifacts: Artifacts = {}
    done = 0
    for metric in used:
        data = measure_metric(seed, graph, population, metric)
        for nodes in data.values():
            _write_nodes(writer, graph, population, metric, nodes)
            classified[nodes.aggregate_node.id] = classify_node(nodes)
            done += 2
            advance(nodes.monthly_node.id, done, steps)
        write_metric_contributions(writer, identity, data, artifacts)
        if metric is used[0]:
            write_narratives(writer, identity, population, data)
    write_contribution_index(writer, identity, graph, artifacts)
    rows = list(chain.from_iterable(classified[node] for node in sorted(classified)))
    write_classifications(writer, identity, rows)
    write_modeling(writer, identity, seed, rows=len(rows))


def _write_nodes(
    writer: RunWriter, graph: Graph, population: Population, metric: Metric, data: NodeData
) -> None:
    """Write the aggregate and the monthly node file of one scope."""
    entities, periods = data.entities, population.periods
    files = (
        (
            data.aggregate_node,
            aggregate_header(graph, data.aggregate_node, periods, entities, data.aggregate),
            aggregate_lines(metric, population, entities, data.measures, data.aggregate),
        ),
        (
            data.monthly_node,
            trend_header(graph, data.monthly_node, periods, entities, data.trend),
            trend_lines(metric, population, entities, data.measures, data.trend),
        ),
    )
    for node, header, lines in files:
        writer.lines(f"results/nodes/{node.id}.jsonl", chain((header,), lines))
