"""Runs as the API gives them: the registry, graphs, results of nodes, differences."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from backend.enums import RunState

RUN_KEY = "synthetic/20260301070000"
NODE = "losIndex__medicareId__aggregate_time_period"


class RegisteredRun(BaseModel):
    """A run that the database knows, whole or not."""

    run_key: str = Field(description="`<graph_name>/<run_id>`.", examples=[RUN_KEY])
    graph_name: str = Field(examples=["synthetic"])
    run_id: str = Field(examples=["20260301070000"])
    state: RunState
    row_count: int = Field(description="Rows of all raw tables.", examples=[3615])
    row_counts: dict[str, int] = Field(
        description="Raw table to rows.", examples=[{"raw_entity_results": 342, "raw_node_edges": 7}]
    )
    registered_at: datetime = Field(description="When the run was first brought in.")
    updated_at: datetime = Field(description="When the registry last changed what it says of the run.")
    loaded_at: datetime | None
    built_at: datetime | None
    published_at: datetime | None
    error: str | None = Field(
        description="Which step went wrong; the registry itself says why.", examples=["the build failed"]
    )


class RunPage(BaseModel):
    """A page of the registry."""

    total_count: int = Field(description="Runs that match, on all pages.")
    offset: int
    limit: int
    runs: list[RegisteredRun]


class RegisteredRunDetails(RegisteredRun):
    """A run of the registry, with what its check found and how long its steps took."""

    checks: dict[str, Any] = Field(
        description="What the check of the run's files found, by severity.",
        examples=[{"error": 0, "warning": 2, "info": 5}],
    )
    durations: dict[str, float] = Field(
        description="Step to seconds.", examples=[{"load": 0.71, "build": 1.32, "publish": 0.22}]
    )


class RunGraphSummary(BaseModel):
    """A graph that has runs."""

    graph_name: str = Field(examples=["synthetic"])
    run_count: int
    latest_run_id: str | None = Field(examples=["20260301070000"])
    latest_run_timestamp: datetime | None = Field(
        description="When the latest run was computed; the offset is the engine's."
    )


class RunGraphs(BaseModel):
    """Graphs by name."""

    graphs: list[RunGraphSummary]


class RunSummary(BaseModel):
    """A run of a graph."""

    run_id: str = Field(examples=["20260301070000"])
    created_at: datetime | None = Field(description="When it was computed; the offset is the engine's.")
    node_count: int


class GraphRuns(BaseModel):
    """Runs of a graph, newest first."""

    graph_name: str
    runs: list[RunSummary]


class RunNode(BaseModel):
    """A node of a run."""

    canonical_node_id: str = Field(examples=[NODE])
    node_id: str = Field(examples=[NODE])
    metric_id: str = Field(examples=["losIndex"])
    result_path: str = Field(
        description="Result file below the run's folder.", examples=[f"results/nodes/{NODE}.jsonl"]
    )
    statistical_methods: list[str] = Field(
        description="In order.", examples=[["statistical_method__simple_zscore__aggregate_time_period"]]
    )
    entity_scope_display_name: str | None = Field(examples=["Medicare Id"])
    comparison_group: str | None = Field(examples=["peer_cohort"])


class RunDetails(BaseModel):
    """A run and its nodes, by id."""

    run_id: str = Field(examples=["20260301070000"])
    created_at: datetime | None = Field(
        description="When it was computed; the offset is the engine's. Null when the run does not say."
    )
    nodes: list[RunNode]


class NodeColor(BaseModel):
    """Colours of a node."""

    background: str = Field(examples=["#FFFFFF"])
    border: str = Field(examples=["#696969"])


class NetworkNode(BaseModel):
    """A node as vis-network draws it."""

    id: str = Field(examples=[NODE])
    label: str = Field(examples=["losIndex\nfacility_base\naggregate_time_period"])
    title: str | None = Field(description="Tooltip.", examples=[NODE])
    shape: str = Field(examples=["box"])
    color: NodeColor | None


class EdgeColor(BaseModel):
    """Colour of an edge."""

    color: str = Field(examples=["#565EAA"])


class NetworkEdge(BaseModel):
    """An edge as vis-network draws it."""

    model_config = ConfigDict(populate_by_name=True)

    source: str = Field(alias="from", examples=[NODE])
    to: str = Field(examples=["losIndex__medicareId__dischargeMonth"])
    label: str | None = Field(examples=["trends_to"])
    dashes: bool
    color: EdgeColor | None


class Network(BaseModel):
    """A graph as vis-network draws it."""

    nodes: list[NetworkNode]
    edges: list[NetworkEdge]


class NodeResult(BaseModel):
    """What a node says of an entity."""

    entity_id: str = Field(description="Medicare id, else the value of the first dimension.")
    entity_dimensions: list[dict[str, Any]] = Field(
        description="As the result file has them.",
        examples=[[{"id": "medicareId", "value": "ACK700", "dataset_field": "medicareId"}]],
    )
    encounters: int = Field(description="0 when unknown.")
    metric_value: float | None = Field(description="Of a timeline, the latest value there is.")
    z_score: float | None = Field(
        description="Simple z-score, else the robust one; of a timeline, those of the latest period."
    )
    percentile_rank: float | None = Field(description="Of the first method that gives one; 0 to 100.")
    anomaly_label: str | None = Field(
        description="What the first method says, of the latest period before the mean.",
        examples=["moderately_high"],
    )


class NodeResults(BaseModel):
    """A page of a node's results, in the order of its file."""

    node_id: str = Field(examples=[NODE])
    total_count: int
    offset: int
    limit: int
    results: list[NodeResult]


class DiffRun(BaseModel):
    """A run that is compared."""

    run_key: str = Field(examples=[RUN_KEY])
    graph_name: str
    run_id: str
    state: RunState


class SignalValues(BaseModel):
    """What is compared of a signal."""

    metric_value: float | None
    benchmark: float | None
    percentile_rank: float | None
    simple_zscore: float | None
    robust_zscore: float | None
    slope_percentile: float | None
    simplified_signal_type: str | None
    simplified_severity: int | None
    domain: str | None


class DiffSignal(BaseModel):
    """A signal of either run or of both."""

    signal_id: str = Field(description="Id of the signal; the same in every run.")
    metric_id: str
    canonical_node_id: str
    facility_id: str | None
    facility: str | None
    groupby_label: str | None
    group_value: str | None
    before: SignalValues | None = Field(description="Null when the earlier run has no such signal.")
    after: SignalValues | None = Field(description="Null when the later run has no such signal.")
    changed: list[str] = Field(description="Values that differ.", examples=[["metric_value"]])


class DiffCounts(BaseModel):
    """How many signals of each kind there are, beyond the limit too."""

    new: int
    gone: int
    regressed: int
    improved: int
    changed: int
    unchanged: int


class RunDiff(BaseModel):
    """What a run changed against another; each list holds the most severe first, up to the limit."""

    before: DiffRun
    after: DiffRun
    counts: DiffCounts
    new: list[DiffSignal] = Field(description="Only the later run has them.")
    gone: list[DiffSignal] = Field(description="Only the earlier run has them.")
    regressed: list[DiffSignal] = Field(
        description="Severity rose by 10 or more, or, where it moved less, the type became worse."
    )
    improved: list[DiffSignal] = Field(
        description="Severity fell by 10 or more, or, where it moved less, the type became better."
    )
    changed: list[DiffSignal] = Field(description="Values differ, and neither of the above.")
