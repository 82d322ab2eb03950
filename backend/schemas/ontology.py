"""The ontology as the API gives it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from backend.enums import SignalDomain


class OntologyLabels(BaseModel):
    """Labels that vertices have."""

    labels: list[str] = Field(description="Sorted.", examples=[["Classification", "Domain", "Facility"]])


class OntologyStats(BaseModel):
    """How many vertices and edges there are; every label is present."""

    vertex_counts: dict[str, int] = Field(examples=[{"Facility": 118, "Signal": 4068}])
    edge_counts: dict[str, int] = Field(examples=[{"has_signal": 4068, "belongs_to": 8}])


class Vertex(BaseModel):
    """Something that the published runs speak of."""

    id: str = Field(description="Unique among the vertices of its label.", examples=["losIndex"])
    label: str = Field(examples=["Metric"])
    properties: dict[str, Any] = Field(
        examples=[{"id": "losIndex", "name": "LOS Index", "domain": "Efficiency", "description": None}]
    )


class VertexPage(BaseModel):
    """Vertices of a label, by id, up to the limit."""

    vertices: list[Vertex]
    count: int = Field(description="Vertices listed.")


class OntologyEdge(BaseModel):
    """An edge, always in the direction in which it is stored."""

    label: str = Field(examples=["belongs_to"])
    from_id: str = Field(examples=["losIndex"])
    to_id: str = Field(examples=["Efficiency"])
    properties: dict[str, Any] | None


class Neighbor(BaseModel):
    """A vertex and the edge that leads to it."""

    vertex: Vertex
    edge: OntologyEdge


class Neighbors(BaseModel):
    """Neighbors of a vertex, by label of the edge, then by id, up to the limit."""

    neighbors: list[Neighbor]
    count: int = Field(description="Neighbors listed.")


class OntologyMetric(BaseModel):
    """A metric of the published runs."""

    id: str = Field(examples=["losIndex"])
    name: str = Field(examples=["LOS Index"])
    description: str | None
    domain: SignalDomain
    polarity: str | None = Field(examples=["lower_is_better"])
    unit_type: str | None = Field(examples=["ratio"])
    node_count: int = Field(description="Nodes of the published runs that compute it.")
    signal_count: int = Field(description="Signals of the published runs that are about it.")


class OntologyMetrics(BaseModel):
    """Metrics by id."""

    metrics: list[OntologyMetric]
    count: int


class OntologyDimension(BaseModel):
    """Something that nodes of the published runs divide by."""

    id: str = Field(examples=["vizientServiceLine"])
    name: str = Field(description="For people; the id where no run names it.", examples=["Service Line"])
    description: str | None
    dataset_field: str = Field(examples=["vizientServiceLine"])
    node_count: int = Field(description="Nodes of the published runs that divide by it.")


class OntologyDimensions(BaseModel):
    """Dimensions by id."""

    dimensions: list[OntologyDimension]
    count: int
