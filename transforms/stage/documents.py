"""Documents kept whole: manifests, graph, bundle, indexes, reports, DOT and narratives."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import msgspec
import polars as pl

from contracts.narratives import parse
from contracts.tables.analysis import NARRATIVES
from contracts.tables.run import RUN_DOCUMENTS
from transforms.run import RESULTS_INDEX, RUN_MANIFEST, SEMANTIC_MANIFEST
from transforms.stage.classifications import (
    CLASSIFICATION_INDEX,
    CLASSIFICATION_MANIFEST,
    ClassificationIndex,
    ClassificationManifest,
)
from transforms.stage.contributions import CONTRIBUTION_INDEX
from transforms.stage.frames import FrameBuilder
from transforms.stage.graph import GRAPH, METADATA_BUNDLE
from transforms.stage.reader import Source

_JSON = "application/json"

DOCUMENTS: tuple[tuple[str, str, str], ...] = (
    ("run_manifest", _JSON, RUN_MANIFEST),
    ("semantic_manifest", _JSON, SEMANTIC_MANIFEST),
    ("graph", _JSON, GRAPH),
    ("metadata_bundle", _JSON, METADATA_BUNDLE),
    ("results_index", _JSON, RESULTS_INDEX),
    ("classification_index", _JSON, CLASSIFICATION_INDEX),
    ("classification_manifest", _JSON, CLASSIFICATION_MANIFEST),
    ("contribution_index", _JSON, CONTRIBUTION_INDEX),
    ("contribution_run_args", _JSON, "analysis/contribution/manifests/cli/run_args.json"),
    ("validation_report", _JSON, "validation_report.json"),
    ("validation_analytics_report", _JSON, "validation_analytics_report.json"),
    ("dot", "text/vnd.graphviz", "graphviz/graphviz_condensed.dot"),
    ("svg", "image/svg+xml", "graphviz/graphviz_condensed.svg"),
)
"""Type, media type and place of each document a run may hold."""

TYPED = frozenset(
    {RUN_MANIFEST, SEMANTIC_MANIFEST, GRAPH, METADATA_BUNDLE, RESULTS_INDEX, CONTRIBUTION_INDEX}
)
"""Documents that other modules decode, and whose mistakes they report."""
_SHAPES: dict[str, Any] = {
    CLASSIFICATION_INDEX: ClassificationIndex,
    CLASSIFICATION_MANIFEST: ClassificationManifest,
}
"""What is known of the other documents that rules look into."""

NARRATIVE_PATTERN = "analysis/narrative/contribution_*.md"
_NARRATIVE_NAME = re.compile(r"contribution_(?P<facility>.+)\.md$")


def stage_documents(source: Source) -> pl.DataFrame:
    """The documents of DOCUMENTS that the run has and that can be read."""
    builder = FrameBuilder(RUN_DOCUMENTS, ("document_type", "media_type", "content", "source_file"))
    for document_type, media_type, relative in DOCUMENTS:
        if source.open(relative) is None:
            continue
        content = source.text(relative)
        if content is None:
            continue
        if media_type == _JSON and relative not in TYPED:
            source.check_json(relative, content, _SHAPES.get(relative, Any))
        if relative not in source.findings.broken:
            builder.add((document_type, media_type, content, relative))
    builder.flush(run_key=source.run.run_key, run_id=source.run.run_id)
    return builder.frame()


def stage_narratives(source: Source) -> pl.DataFrame:
    """Facility narratives, with their parts as they are served."""
    builder = FrameBuilder(
        NARRATIVES, ("facility_id", "metric_value", "generated_at", "content", "parsed", "source_file")
    )
    for relative in source.glob(NARRATIVE_PATTERN):
        modified, content = _modified(source, relative), source.text(relative)
        name = _NARRATIVE_NAME.search(relative)
        if modified is None or content is None or name is None:
            continue
        found = parse(content)
        parts = None
        if found.narrative is not None:
            # The file's name says whose narrative it is: a copied text may name another facility.
            parts = {**found.narrative, "facility_id": name["facility"]}
            parts["generated_at"] = parts["generated_at"] or modified
        builder.add(
            (
                name["facility"],
                found.metric_value,
                found.generated,
                content,
                None if parts is None else msgspec.json.encode(parts).decode(),
                relative,
            )
        )
    builder.flush(run_key=source.run.run_key, run_id=source.run.run_id)
    return builder.frame()


def _modified(source: Source, relative: str) -> str | None:
    """When the file was written, in UTC; None where it is gone."""
    path = source.open(relative)
    if path is None:
        return None
    try:
        instant = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as error:
        source.unreadable(relative, error.strerror or str(error))
        return None
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
