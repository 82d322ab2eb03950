"""Metadata as the API gives it: the dbt project, the vocabulary of a run, the run's manifest."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ProjectSummary(BaseModel):
    """The dbt project in numbers."""

    project_name: str = Field(examples=["quality_compass"])
    dbt_version: str = Field(description="dbt that compiled the project.", examples=["1.11.16"])
    model_count: int
    source_count: int
    metric_count: int
    semantic_model_count: int
    docs_base_url: str
    generated_at: datetime | None = Field(description="When this version of the project was stored.")


class ModelColumn(BaseModel):
    """A column of a model."""

    name: str
    description: str
    data_type: str | None = Field(examples=["double precision"])


class ModelTest(BaseModel):
    """A data test of a model."""

    name: str
    kind: str = Field(description="Generic test, or `singular`.", examples=["not_null"])
    column_name: str | None = Field(description="Null for a test of the whole model.")
    severity: Literal["error", "warn"]


class Model(BaseModel):
    """A model of the dbt project."""

    unique_id: str = Field(examples=["model.quality_compass.fct_signals"])
    name: str = Field(examples=["fct_signals"])
    description: str
    schema_name: str
    database: str
    materialization: str
    columns: list[ModelColumn]
    tests: list[ModelTest]
    tags: list[str]
    depends_on: list[str] = Field(description="Models it reads directly, by unique id.")
    referenced_by: list[str] = Field(description="Models that read it directly, by unique id.")
    docs_url: str | None


class LineageNode(BaseModel):
    """A table up or down the lineage."""

    unique_id: str
    name: str
    resource_type: Literal["model", "source", "seed"]
    layer: str = Field(description="staging, intermediate, marts, semantic, raw for sources, else other.")
    docs_url: str | None


class Lineage(BaseModel):
    """Where a model's data comes from and where it goes."""

    target_model: str
    upstream: list[LineageNode] = Field(description="Depth first, each table once.")
    downstream: list[LineageNode] = Field(description="Depth first, each table once.")


class DocsUrl(BaseModel):
    """Where a resource is documented."""

    resource_type: str
    name: str
    url: str


class Refreshed(BaseModel):
    """Caches were dropped."""

    status: Literal["refreshed"]
    message: str


class BundleMetric(BaseModel):
    """A metric of the taxonomy."""

    metric_id: str
    display_name: str
    description: str
    domain: str
    polarity: str
    unit_type: str
    display_format: str


class EdgeType(BaseModel):
    """A kind of edge of insight graphs."""

    id: str
    display_name: str
    description: str
    ui_behavior: str
    direction: str
    category: str


class TagType(BaseModel):
    """A tag that nodes carry."""

    id: str
    display_name: str
    category: str
    description: str
    ui_filter_ids: list[str]


class ComparisonMode(BaseModel):
    """What values are compared with."""

    id: str
    display_name: str
    description: str
    baseline_description: str
    authoring_hint: str


class AllowedValue(BaseModel):
    """A value of a dimension."""

    code: str
    identifier: str
    label: str


class GroupByType(BaseModel):
    """A dimension of entities."""

    id: str
    display_name: str
    category: str
    dataset_field: str
    description: str
    allowed_values: list[AllowedValue]


class GroupBySet(BaseModel):
    """Dimensions that are used together."""

    id: str
    description: str
    allowed_metric_method_sets: list[str]
    allowed_dimensions: list[list[str]]
    optional_time_dimensions: list[str]


class MetadataBundle(BaseModel):
    """The vocabulary of a run. Lists are sorted by id; what is missing is an empty text or list."""

    version: str = Field(examples=["1.0.0"])
    generated_at: str
    taxonomy_hash: str = Field(description="First 16 hex digits of the taxonomy's SHA-256.")
    metrics: list[BundleMetric]
    edge_types: list[EdgeType]
    tag_types: list[TagType]
    comparison_modes: list[ComparisonMode]
    group_by_types: list[GroupByType]
    group_by_sets: list[GroupBySet]


class RunManifest(BaseModel):
    """The run that metadata speaks of."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "run_id": "20260301070000",
                    "graph_name": "synthetic",
                    "requirements_path": "synthetic.md",
                    "taxonomy_hash": "7e98ddda980c9673",
                    "generated_at": "2026-03-01T07:00:19.051330+00:00",
                    "metadata_bundle_version": "1.0.0",
                    "modeling": {"run_summary_path": "modeling/run_summary.json"},
                }
            ]
        }
    )

    run_id: str = Field(description="`unknown` where no run is active.")
    graph_name: str = Field(description="`unknown` where no run is active.")
    requirements_path: str = Field(description="Name of the requirements file; folders of the host left out.")
    taxonomy_hash: str
    generated_at: str
    metadata_bundle_version: str
    modeling: dict[str, str] = Field(description="Files of the run's models, relative to the run.")
