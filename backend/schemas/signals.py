"""Signals as the API gives and takes them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from typing_extensions import TypedDict

from backend.enums import AssignmentStatus, SignalDomain

Whole = Annotated[int, Field(strict=False)]
"""A whole number; JSON may write it with a point (12.0)."""


class TimelinePoint(TypedDict):
    """Value of a signal's metric in one period."""

    __pydantic_config__ = ConfigDict(strict=True)  # type: ignore[misc]

    period: Annotated[str, Field(description="YYYYMM.", examples=["202407"])]
    value: float | None
    encounters: Whole | None


class PeerPercentileTrends(TypedDict):
    """Distribution of a metric over the peers, period by period; all arrays run parallel."""

    __pydantic_config__ = ConfigDict(strict=True)  # type: ignore[misc]

    periods: list[str]
    p10: list[float | None]
    p25: list[float | None]
    p50: list[float | None]
    p75: list[float | None]
    p90: list[float | None]
    sample_sizes: list[Whole]
    suppression_applied: Annotated[
        dict[str, list[bool]] | None, Field(description="Percentile to, per period, whether it is hidden.")
    ]


class Signal(BaseModel):
    """A finding: how an entity (a facility, or a part of its patients) does on a metric."""

    id: str = Field(description="UUID; the same entity keeps it in every run.")
    canonical_node_id: str = Field(description="Node of the insight graph.")
    graph_name: str = Field(description="Insight graph that the signal belongs to.")
    run_id: str = Field(description="Run that the values come from.")
    active: bool = Field(description="False when the published run no longer has the entity.")
    metric_id: str
    domain: SignalDomain
    facility: str = Field(description="Display name.")
    facility_id: str | None = Field(description="Medicare id.")
    system_name: str | None = Field(description="Health system.")
    service_line: str = Field(description="`Facility-wide` when the entity has none.")
    sub_service_line: str | None
    description: str = Field(description="Text of the signal; can be edited.")
    metric_value: float
    peer_mean: float | None = Field(
        description="Benchmark: mean over all entities of the same facet, else the peers' mean."
    )
    peer_std: float | None = Field(description="Standard deviation of the peers.")
    percentile_rank: float | None = Field(description="Place among the peers, 0 to 100.")
    encounters: int | None
    detected_at: datetime = Field(description="When the signal first appeared; later runs do not move it.")
    created_at: datetime
    days_open: int = Field(ge=0, description="Whole days since detected_at.")
    simplified_signal_type: str | None = Field(description="Kind of signal, one of nine.")
    simplified_severity: int | None = Field(description="0 to 100.")
    temporal_node_id: str | None = Field(description="Node that holds the trend.")
    has_children: bool = Field(description="Whether `/children` lists any signal.")
    has_parent: bool = Field(description="Whether `/parent` gives a signal.")
    edge_types: list[str] = Field(description="Types of the edges that leave the node, sorted.")
    related_signal_count: int = Field(description="Signals that `/related` chooses from.")
    entity_dimensions: dict[str, str] | None = Field(
        description="What distinguishes the entity within its facility; `{}` for the facility itself."
    )
    groupby_label: str | None = Field(description="Names of the dimensions.")
    group_value: str | None = Field(description="Values of the dimensions.")
    metric_trend_timeline: list[TimelinePoint] | None = Field(description="Oldest period first.")
    trend_direction: str | None
    annual_excess_cost: float | None = Field(description="Business impact; null while nothing computes it.")
    excess_los_days: float | None = Field(description="Business impact; null while nothing computes it.")
    capacity_impact_bed_days: float | None = Field(
        description="Business impact; null while nothing computes it."
    )
    expected_metric_value: float | None = Field(
        description="Business impact; null while nothing computes it."
    )
    why_matters_narrative: str | None = Field(description="Written by people.")
    workflow_status: AssignmentStatus = Field(description="`new` when nobody is assigned.")
    metadata: dict[str, Any] | None = Field(description="As the run's artifacts hold it.")
    metadata_per_period: dict[str, Any] | None = Field(description="Name to a list of `{period, value}`.")
    peer_percentile_trends: PeerPercentileTrends | None


class SignalPage(BaseModel):
    """A page of signals."""

    total_count: int = Field(description="Signals that match, on all pages.")
    offset: int
    limit: int
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last one.")
    signals: list[Signal]


class FilterOptions(BaseModel):
    """Values that filters can take, each once."""

    metric_id: list[str]
    domain: list[SignalDomain] = Field(description="In the order of the enumeration.")
    simplified_signal_type: list[str]
    system_name: list[str]
    service_line: list[str]
    counts: dict[str, dict[str, int]] = Field(
        description="Filter to value to the number of signals that have it.",
        examples=[{"domain": {"Efficiency": 118}}],
    )


class SignalSummary(BaseModel):
    """A signal in few words."""

    signal_id: str
    canonical_node_id: str
    description: str
    domain: SignalDomain
    facility: str
    service_line: str
    sub_service_line: str | None
    metric_value: float | None
    groupby_label: str | None
    group_value: str | None
    simplified_signal_type: str | None


class SignalChildren(BaseModel):
    """Signals that a signal divides into, one step down."""

    signal_id: str
    canonical_node_id: str
    edge_type: str = Field(description="Always `drills_to`: the relation that dashboards know.")
    graph_edge_type: str | None = Field(
        description="Type of the edges in the run's own graph; null without children.",
        examples=["segments_into"],
    )
    children: list[SignalSummary] = Field(description="Most severe first.")
    total_count: int = Field(description="Children before the limit.")
    has_children: bool


class SignalParent(BaseModel):
    """The signal that a signal is a part of."""

    signal_id: str
    canonical_node_id: str
    edge_type: str = Field(description="Always `drills_to`: the relation that dashboards know.")
    graph_edge_type: str | None = Field(
        description="Type of the edge in the run's own graph; null without a parent.",
        examples=["segments_into"],
    )
    parent: SignalSummary | None = Field(description="The nearest: it shares most dimensions.")
    has_parent: bool


class SignalTemporal(BaseModel):
    """How a signal developed."""

    signal_id: str
    temporal_node_id: str | None
    has_temporal_data: bool
    slope_percentile: float | None = Field(description="0 to 100; higher = worsening more than peers.")
    monthly_z_scores: list[float | None] | None = Field(
        description="One per period, oldest first; null where there is none."
    )
    monthly_z_score_method: str | None = Field(
        description="Method behind monthly_z_scores: `simple`, or `robust` where there is no simple one."
    )
    monthly_values: list[float | None] | None = Field(description="Values of the timeline.")


def _text(value: str) -> str:
    if "\0" in value:
        raise ValueError("must not hold a NUL character")
    return value


FreeText = Annotated[str, StringConstraints(max_length=10_000), AfterValidator(_text)]
SearchText = Annotated[str, StringConstraints(max_length=500), AfterValidator(_text)]
SearchTexts = Annotated[str, StringConstraints(max_length=20_000), AfterValidator(_text)]
"""Several with commas between them: as many as fit into an address that servers let through."""


def _without_default(schema: dict[str, Any]) -> None:
    del schema["default"]


class SignalUpdate(BaseModel):
    """What people can change of a signal; keys that are left out change nothing."""

    description: Annotated[
        str, StringConstraints(max_length=10_000, pattern=r"\S"), AfterValidator(_text)
    ] = Field(
        default="",
        description="Neither blank nor null. Later runs leave an edited text alone.",
        # Left out it changes nothing; there is no value that it stands for.
        json_schema_extra=_without_default,
    )
    why_matters_narrative: FreeText | None = Field(default=None, description="Null clears it.")
