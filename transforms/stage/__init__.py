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
from transforms.run import Run
from transforms.stage.auxiliary import (
    contribution_artifacts,
    contribution_files,
    contribution_parents,
    graph_nodes,
    index_nodes,
    node_headers,
)
from transforms.stage.classifications import stage_classifications
from transforms.stage.contributions import read_contribution_index, stage_contributions
from transforms.stage.definitions import (
    stage_definition_groups,
    stage_edge_definitions,
    stage_node_definitions,
)
from transforms.stage.documents import stage_documents, stage_narratives
from transforms.stage.frames import empty_frame
from transforms.stage.graph import (
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
from transforms.stage.nodes import NODE_TABLES, NodeFile, StagedHeader
from transforms.stage.reader import Source
from transforms.stage.sharing import NodeStaging, helpers_for
from transforms.stage.spool import Spool
from transforms.stage.summary import stage_classification_summary
from transforms.stage.walk import walk

__all__ = ["stage_run"]


def stage_run(
    run: Run, on_bytes: Callable[[int], None] = lambda count: None, *, helpers: int | None = None
) -> RunData:
    """Stage every artifact family of ``run``.

    What cannot be read becomes a finding and stays out of the frames; optional families that
    the run lacks are empty frames. ``on_bytes`` is called with the size of each file read.
    ``helpers`` is how many processes help; without it, as many as the run is worth.
    """
    with _no_garbage_collection():
        return _stage(Source(run, on_bytes=on_bytes), helpers)


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


def _stage(source: Source, helpers: int | None) -> RunData:
    run = source.run
    files = walk(source)
    keys = KeyRing(run.graph_name)
    index = read_index(source)
    graph = read_graph(source)
    contribution_index = read_contribution_index(source)
    node_files = _node_files(source, check_layout(source, index, contribution_index))
    spool = Spool.of(sum(file.size for file in node_files))
    helpers = helpers_for(node_files) if helpers is None else helpers
    with NodeStaging(source, keys, node_files, helpers, spool) as staging:
        staging.work()
        # Whatever needs no node file, while helpers may still be at theirs.
        experiments, drivers = stage_experiments(source)
        frames = {
            "raw_runs": stage_runs(source, index),
            "raw_run_documents": stage_documents(source),
            "raw_metric_definitions": stage_metric_definitions(source),
            "raw_classifications": stage_classifications(source, keys),
            "raw_modeling_runs": stage_modeling_runs(source),
            "raw_modeling_experiments": experiments,
            "raw_model_drivers": drivers,
            "raw_narratives": stage_narratives(source),
        }
        auxiliary = {
            "graph_nodes": graph_nodes(source, graph),
            "index_nodes": index_nodes(source, index),
            "node_definitions": stage_node_definitions(source),
            "edge_definitions": stage_edge_definitions(source),
            "definition_groups": stage_definition_groups(source),
            "contribution_parents": contribution_parents(source, contribution_index),
            "contribution_artifacts": contribution_artifacts(source, contribution_index),
            "classification_summary": stage_classification_summary(source, keys, graph),
        }
        nodes = staging.finish()
    for node in nodes:
        source.findings.extend(node.findings)
        source.refused |= node.refused
    read = [node.header for node in nodes if node.header is not None]
    headers: dict[str, StagedHeader] = {}
    for header in read:
        headers.setdefault(header.header.canonical_node_id, header)
    node_metrics = {node.canonical_node_id: node.metric_id for node in index.nodes}
    node_metrics |= {node_id: staged.header.metric_id for node_id, staged in headers.items()}
    contributions, contribution_readers = stage_contributions(source, keys, node_metrics)
    frames |= {
        "raw_node_results": stage_node_results(source, index, graph, headers),
        "raw_node_edges": stage_node_edges(source, graph, headers),
        "raw_contributions": contributions,
    }
    auxiliary |= {
        "node_headers": node_headers(source, read),
        "contribution_files": contribution_files(source, contribution_readers),
    }
    frames |= {name: spool.keep(frame) for name, frame in frames.items()}
    frames |= {
        table.name: _together(table, [node.frames.pop(table.name) for node in nodes], spool)
        for table in NODE_TABLES
    }
    return RunData(
        run_key=run.run_key,
        graph_name=run.graph_name,
        run_id=run.run_id,
        frames={table.name: frames[table.name] for table in RAW_TABLES},
        findings=source.findings.all(),
        auxiliary={table.name: spool.keep(auxiliary[table.name]) for table in AUXILIARY_TABLES},
        files=files,
        path=str(run.path),
        keep=spool.keep,
        release=spool.release,
    )


def _node_files(source: Source, files: list[str]) -> list[NodeFile]:
    """Headers come from both formats, entities from JSONL wherever the node has such a file."""
    current = [name for name in files if name.endswith(".jsonl")]
    covered = {PurePosixPath(name).stem for name in current}
    legacy = [name for name in files if name.endswith(".json") and PurePosixPath(name).stem not in covered]
    return [
        NodeFile(name, (source.run.path / name).stat().st_size, with_entities=name in current or not current)
        for name in (*current, *legacy)
    ]


def _together(table: Table, frames: list[pl.DataFrame], spool: Spool) -> pl.DataFrame:
    return spool.together(frames) if frames else empty_frame(table)
