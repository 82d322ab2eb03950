"""Narratives as the API gives them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field


class NarrativeList(BaseModel):
    """Facilities that have a narrative."""

    facilities: list[str] = Field(description="Ids, sorted.")
    count: int


class Contributor(BaseModel):
    """A segment that moves the facility's value."""

    dimension: str
    segment: str
    excess: float | None = Field(
        description="What it adds to the facility's value; negative when it takes away."
    )
    trend: str | None
    flags: list[str] = Field(
        description="`double_trouble`, `internal_issue`: insights that name the segment."
    )


class NarrativeSummary(BaseModel):
    """A narrative in few words."""

    facility_id: str
    metric_value: float
    pareto_insight: str
    top_contributors_higher: list[Contributor]
    top_contributors_lower: list[Contributor]


class ExecutiveSummary(BaseModel):
    """The first section."""

    metric_value: float
    total_segments: int
    facility_segments: int
    pareto_insight: str
    top_contributors_higher: list[Contributor]
    top_contributors_lower: list[Contributor]


class CrossMetric(BaseModel):
    """The facility on another metric."""

    metric_name: str
    value: float | None
    z_score: float | None
    peer_status: str


class ParetoSegment(BaseModel):
    """A segment, in the order of what it adds or takes away."""

    segment_name: str
    excess: float | None
    cumulative_pct: float | None = Field(description="Share of this and all larger segments, in percent.")


class ParetoAnalysis(BaseModel):
    """How few segments make most of the difference."""

    positive_excess: list[ParetoSegment]
    negative_excess: list[ParetoSegment]
    top_n_positive_pct: float
    top_n_negative_pct: float


class NarrativeDriver(BaseModel):
    """A segment with all that is known of it. Numbers are null where the narrative has none."""

    rank: int
    dimension: str
    segment: str
    value: float | None
    weight: float | None = Field(description="In percent.")
    excess: float | None
    trend: str | None
    slope_percentile: int | None
    mean_z: float | None
    z_score: float | None
    peer_status: str
    multi_kpi: str | None
    interpretation: str
    cumulative_pct: float


class TopDrivers(BaseModel):
    """Segments that raise and that lower the metric; the names are those of its first use, length of stay."""

    higher_los: list[NarrativeDriver]
    lower_los: list[NarrativeDriver]


class Insight(BaseModel):
    """A segment that stands out."""

    segment: str
    excess: float | None
    z_score: float | None
    peer_status: str


class Insights(BaseModel):
    """Segments with a high excess: unusual among peers, or usual."""

    double_trouble: list[Insight]
    internal_issue: list[Insight]


class BreakdownNode(BaseModel):
    """A service line, or a part of one."""

    level: Literal["SL", "SSL"]
    segment: str
    value: float | None
    weight: float | None = Field(description="In percent.")
    excess: float | None
    z_score: float | None
    peer_status: str
    interpretation: str
    children: list[BreakdownNode]


class Narrative(BaseModel):
    """A narrative, part by part. Parts that it lacks are empty."""

    facility_id: str
    metric_name: str | None = Field(description="Metric that it is about.", examples=["LOS Index"])
    metric_value: float = Field(description="Of the facility; 0 where the narrative has none.")
    generated_at: datetime = Field(description="As the header says, else when the file was written.")
    executive_summary: ExecutiveSummary
    cross_metric_comparison: list[CrossMetric]
    pareto_analysis: ParetoAnalysis
    top_drivers: TopDrivers
    insights: Insights
    hierarchical_breakdown: list[BreakdownNode]
