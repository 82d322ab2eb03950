"""Artifact files to typed Polars frames, one module a family; every row knows file and line."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

import polars as pl

from contracts.columns import Table
from contracts.run_data import RunData
from contracts.tables import RAW_TABLES
from contracts.tables.auxiliary import AUXILIARY_TABLES
from transforms.helper import HelperProcess
from transforms.run import Run
from transforms.stage.auxiliary import (
    contribution_artifacts,
    contribution_parents,
    graph_nodes,
    index_nodes,
    node_headers,
)
from transforms.stage.classifications import CLASSIFICATIONS_FILE, stage_classifications
from transforms.stage.contributions import (
    contribution_names,
    read_contribution_index,
    stage_contributions,
)
from transforms.stage.definitions import (
    stage_definition_groups,
    stage_edge_definitions,
    stage_node_definitions,
)
from transforms.stage.documents import stage_documents, stage_narratives
from transforms.stage.frames import empty_frame
from transforms.stage.graph import (
    Graph,
    read_graph,
    read_index,
    stage_metric_definitions,
    stage_node_edges,
    stage_node_results,
    stage_runs,
)
from transforms.stage.keys import KeyRing
from transforms.stage.layout import check_layout
from transforms.stage.modeling import stage_experiments, stage_modeling_runs
from transforms.stage.nodes import NodeFile, StagedHeader, stage_node
from transforms.stage.reader import Source
from transforms.stage.shards import Shard, Task
from transforms.stage.sharing import Helpers, helpers_for
from transforms.stage.spool import Spool
from transforms.stage.summary import CLASSIFICATION_SUMMARY_FILE, stage_classification_summary
from transforms.stage.walk import walk

__all__ = ["stage_run"]


def stage_run(
    run: Run,
    on_bytes: Callable[[int], None] = lambda count: None,
    *,
    helpers: int | None = None,
    ahead: HelperProcess | None = None,
) -> RunData:
    """Stage every artifact family of ``run``.

    What cannot be read becomes a finding and stays out of the frames; optional families that
    the run lacks are empty frames. ``on_bytes`` is called with the size of each file read.
    ``helpers`` is how many processes help; without it, as many as the run is worth. The first of
    them may have been started ``ahead``.
    """
    with _no_garbage_collection():
        return _stage(Source(run, on_bytes=on_bytes), helpers, ahead)


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Pause collection: millions of live rows make each pass long, and none of them is garbage."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _stage(source: Source, helpers: int | None, ahead: HelperProcess | None) -> RunData:
    run = source.run
    files = walk(source)
    index = read_index(source)
    graph = read_graph(source)
    contribution_index = read_contribution_index(source)
    node_tasks = _node_tasks(source, check_layout(source, index, contribution_index))
    metrics = {node.canonical_node_id: node.metric_id for node in index.nodes}
    tasks = [*node_tasks, *_classification_tasks(source, graph), *_contribution_tasks(source, metrics)]
    sizes = [task.size for task in node_tasks]
    spool = Spool.of(sum(sizes))
    count = helpers_for(sizes) if helpers is None else helpers
    with Helpers(source, KeyRing(run.graph_name), count, spool, ahead) as crew:
        crew.share(tasks)
        # What is small, while helpers are at what is not.
        experiments, drivers = stage_experiments(source)
        frames = {
            "raw_runs": stage_runs(source, index),
            "raw_run_documents": stage_documents(source),
            "raw_metric_definitions": stage_metric_definitions(source),
            "raw_modeling_runs": stage_modeling_runs(source),
            "raw_modeling_experiments": experiments,
            "raw_model_drivers": drivers,
            "raw_narratives": stage_narratives(source),
            "graph_nodes": graph_nodes(source, graph),
            "index_nodes": index_nodes(source, index),
            "node_definitions": stage_node_definitions(source),
            "edge_definitions": stage_edge_definitions(source),
            "definition_groups": stage_definition_groups(source),
            "contribution_parents": contribution_parents(source, contribution_index),
            "contribution_artifacts": contribution_artifacts(source, contribution_index),
        }
        performed = crew.finish()
        read = [each.shard.header for each in performed if each.shard.header is not None]
        headers: dict[str, StagedHeader] = {}
        for header in read:
            headers.setdefault(header.header.canonical_node_id, header)
        of_headers = {node_id: staged.header.metric_id for node_id, staged in headers.items()}
        if not of_headers.items() <= metrics.items():
            # Headers are right where the index says something else, which a sound run does not.
            again = _contribution_tasks(source, metrics | of_headers)
            crew.share(again)
            performed[len(tasks) - len(again) :] = crew.finish()
    for each in performed:
        source.findings.extend(each.findings)
        source.refused |= each.refused
    shards = [each.shard for each in performed]
    frames |= {
        "raw_node_results": stage_node_results(source, index, graph, headers),
        "raw_node_edges": stage_node_edges(source, graph, headers),
        "node_headers": node_headers(source, read),
    }
    frames = {name: spool.keep(frame) for name, frame in frames.items()}
    return RunData(
        run_key=run.run_key,
        graph_name=run.graph_name,
        run_id=run.run_id,
        frames={table.name: _frame(table, frames, shards, spool) for table in RAW_TABLES},
        findings=source.findings.all(),
        auxiliary={table.name: _frame(table, frames, shards, spool) for table in AUXILIARY_TABLES},
        files=files,
        single=frozenset(source.single),
        path=str(run.path),
        on_disk=spool.on_disk,
        keep=spool.keep,
        release=spool.release,
    )


def _node_tasks(source: Source, files: list[str]) -> list[Task]:
    """Headers come from both formats, entities from JSONL wherever the node has such a file."""
    current = [name for name in files if name.endswith(".jsonl")]
    covered = {PurePosixPath(name).stem for name in current}
    legacy = [name for name in files if name.endswith(".json") and PurePosixPath(name).stem not in covered]
    return [
        Task(stage_node, source.size(name), (NodeFile(name, with_entities=name in current or not current),))
        for name in (*current, *legacy)
    ]


def _classification_tasks(source: Source, graph: Graph) -> list[Task]:
    grouped_by = frozenset(item.dataset_field for node in graph.nodes for item in node.group_bys)
    return [
        Task(stage_classifications, source.size(CLASSIFICATIONS_FILE)),
        Task(stage_classification_summary, source.size(CLASSIFICATION_SUMMARY_FILE), (grouped_by,)),
    ]


def _contribution_tasks(source: Source, node_metrics: dict[str, str]) -> list[Task]:
    return [
        Task(stage_contributions, source.size(name), (name, node_metrics))
        for name in contribution_names(source)
    ]


def _frame(table: Table, frames: dict[str, pl.DataFrame], shards: list[Shard], spool: Spool) -> pl.DataFrame:
    """The rows of ``table``: in one frame already, or in those that shards give up for it."""
    if table.name in frames:
        return frames[table.name]
    parts = [shard.frames.pop(table.name) for shard in shards if table.name in shard.frames]
    return spool.together(parts) if parts else empty_frame(table)
