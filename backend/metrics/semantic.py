"""The semantic layer as the project's manifest defines it: models, measures, dimensions, metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backend.metadata.documents import Document, parsed_once
from backend.metadata.project import parse_project

Json = Mapping[str, Any]

_DEFAULT_GRAIN = "day"


@dataclass(frozen=True, slots=True)
class Dimension:
    """What a measure can be grouped and filtered by; ``grain`` is set for dimensions of time."""

    name: str
    expression: str
    grain: str | None


@dataclass(frozen=True, slots=True)
class Once:
    """That an entity (what ``columns`` name) counts once: by its newest or oldest row in ``time``."""

    time: str
    newest: bool
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """What is aggregated, how, and which dimension of time dates restrict."""

    name: str
    aggregation: str
    expression: str
    time: str | None
    once: Once | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SemanticModel:
    """A table of the marts with what can be asked of it. ``columns`` maps names to SQL types."""

    name: str
    description: str
    entity: str
    schema_name: str
    table_name: str
    columns: Mapping[str, str]
    dimensions: Mapping[str, Dimension]
    measures: Mapping[str, Measure]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric; ``params`` are what its type needs, in dbt's shape."""

    name: str
    kind: str
    label: str
    description: str
    category: str | None
    display_format: str | None
    filters: tuple[str, ...]
    params: Json


@dataclass(frozen=True, slots=True)
class SemanticLayer:
    """All metrics and semantic models, by name."""

    models: Mapping[str, SemanticModel]
    metrics: Mapping[str, Metric]

    def owner(self, measure: str) -> SemanticModel | None:
        """The model that has a measure."""
        return next((model for model in self.models.values() if measure in model.measures), None)

    def dimensions_of(self, metric: Metric) -> list[str]:
        """Dimensions of a simple metric; those of others are not listed."""
        if metric.kind != "simple":
            return []
        owner = self.owner(metric.params.get("measure", {}).get("name", ""))
        return [] if owner is None else list(owner.dimensions)


def filters_of(document: Json) -> tuple[str, ...]:
    """The filters of a metric, or of one of its inputs."""
    return tuple(each["where_sql_template"] for each in document.get("filter", {}).get("where_filters", ()))


@parsed_once
def parse_semantic_layer(document: Document) -> SemanticLayer:
    """The semantic layer of a stored manifest. Raises ManifestMissing for another format."""
    project = parse_project(document)
    models = {}
    for raw in project.semantic_models:
        (unique_id,) = raw["depends_on"]["nodes"]
        columns = project.nodes[unique_id].raw.get("columns", ())
        models[raw["name"]] = _model(raw, {each["name"]: each.get("data_type", "") for each in columns})
    return SemanticLayer(models=models, metrics={raw["name"]: _metric(raw) for raw in project.metrics})


def _model(raw: Json, columns: Mapping[str, str]) -> SemanticModel:
    relation = raw.get("node_relation", {})
    default_time = raw.get("defaults", {}).get("agg_time_dimension")
    entities = {each["name"]: each.get("expr", each["name"]) for each in raw.get("entities", ())}
    return SemanticModel(
        name=raw["name"],
        description=raw.get("description", ""),
        entity=raw.get("primary_entity", raw["name"]),
        schema_name=relation.get("schema_name", "public"),
        table_name=relation.get("alias", raw["name"]),
        columns=columns,
        dimensions={each["name"]: _dimension(each) for each in raw.get("dimensions", ())},
        measures={
            each["name"]: Measure(
                name=each["name"],
                aggregation=each["agg"],
                expression=each.get("expr", each["name"]),
                time=each.get("agg_time_dimension", default_time),
                once=_once(each.get("non_additive_dimension"), entities),
            )
            for each in raw.get("measures", ())
        },
    )


def _once(raw: Json | None, entities: Mapping[str, str]) -> Once | None:
    if raw is None:
        return None
    return Once(
        time=raw["name"],
        newest=raw.get("window_choice") != "min",
        columns=tuple(entities[name] for name in raw.get("window_groupings", ())),
    )


def _dimension(raw: Json) -> Dimension:
    grain = raw.get("type_params", {}).get("time_granularity", _DEFAULT_GRAIN)
    return Dimension(
        name=raw["name"],
        expression=raw.get("expr", raw["name"]),
        grain=grain if raw.get("type") == "time" else None,
    )


def _metric(raw: Json) -> Metric:
    meta = raw.get("config", {}).get("meta", {})
    return Metric(
        name=raw["name"],
        kind=raw["type"],
        label=raw.get("label", raw["name"]),
        description=raw.get("description", ""),
        category=meta.get("category"),
        display_format=meta.get("display_format"),
        filters=filters_of(raw),
        params=raw.get("type_params", {}),
    )
