"""Shapes of node files as msgspec decodes them: the header line and entity lines.

Unknown keys are ignored; a wrong type raises ValidationError with the JSON path.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Raw, Struct

from transforms.stage.frames import EXACT_INTEGERS

EMPTY = Raw(b"")

Count = int | float
"""Engines write counts as integers or integral floats; builders accept no other number."""


class EntityItem(Struct, gc=False):
    """One dimension of an entity."""

    id: str
    value: str
    dataset_field: str | None = None


class PeriodValue(Struct, gc=False):
    """A value of one month; the month is spelled YYYYMM or YYYY-MM."""

    period: str
    value: float | None = None


ExactInteger = Annotated[int, Meta(ge=-EXACT_INTEGERS, le=EXACT_INTEGERS)]


class PeriodCount(Struct, gc=False):
    """A count of one month, spelled likewise; whole ones as they are written."""

    period: str
    value: ExactInteger | float | None = None


class TimelinePoint(Struct, gc=False):
    """A timeline point as the raw table stores it."""

    period: str
    value: float | None
    encounters: int | float | None


class Timeline(Struct, gc=False):
    """Monthly values of a temporal entity."""

    timeline: list[PeriodValue]


class TemporalRuntime(Struct, gc=False):
    """How complete a timeline is."""

    observed_count: Count | None = None
    missing_count: Count | None = None
    coverage_ratio: float | None = None
    fill_strategy: str | None = None


class MetricId(Struct, gc=False):
    """Names the metric of a value."""

    metric_id: str


class Metric(Struct, gc=False):
    """A metric's value: a number on aggregate nodes, a timeline on temporal ones."""

    metadata: MetricId
    values: float | Timeline | None = None
    temporal_runtime: TemporalRuntime | None = None


class PerPeriod(Struct, gc=False):
    """The one monthly column that timelines are joined with."""

    encounters: list[PeriodCount] | None = None


class PerPeriodOfAnySize(Struct, gc=False):
    """As PerPeriod, with numbers beyond those that floats tell apart."""

    encounters: list[PeriodValue] | None = None


class Metadata(Struct, gc=False):
    """Metadata columns the tables type; the rest stays JSON text."""

    encounters: float | None = None
    systemName: str | None = None
    facility: str | None = None
    per_period: Raw = EMPTY


class Statistics(Struct, gc=False):
    """Statistics of every method; a method fills its own."""

    suppressed: bool
    simple_zscore: float | None = None
    robust_zscore: float | None = None
    peer_mean: float | None = None
    peer_std: float | None = None
    percentile_rank: float | None = None
    mean_simple_zscore: float | None = None
    latest_simple_zscore: float | None = None
    mean_robust_zscore: float | None = None
    latest_robust_zscore: float | None = None
    peer_median: float | None = None
    peer_mad: float | None = None
    observations: Count | None = None
    periods: Count | None = None
    latest_period: str | None = None
    winsor_applied: bool | None = None
    slope: float | None = None
    slope_weighted: float | None = None
    acceleration: float | None = None
    end_start_delta: float | None = None
    period_count: Count | None = None
    trend_direction: str | None = None
    momentum: str | None = None
    slope_percentile: float | None = None
    per_period_simple_zscores: list[float | None] | None = None
    per_period_robust_zscores: list[float | None] | None = None


class Interpretation(Struct, gc=False):
    """Text for people."""

    template_id: str | None = None
    rendered: str | None = None


class AnomalyMethod(Struct, gc=False):
    """An anomaly rule's verdict on one statistic."""

    anomaly_method: str
    anomaly: str
    statistic_value: float | None = None
    applies_to: str | None = None
    interpretation: Interpretation | None = None


class AnomalyProfile(Struct, gc=False):
    """Rules that belong together."""

    methods: list[AnomalyMethod]
    anomaly_profile: str | None = None


class AnomalyStatistics(Struct, gc=False):
    """Peers behind an aggregate statistic."""

    peer_count: Count | None = None


class Runtime(Struct, gc=False):
    """The engine's own report on a method."""

    status: str | None = None
    anomaly_statistics: AnomalyStatistics | None = None


class Method(Struct, gc=False):
    """A statistical method applied to an entity."""

    statistical_method: str
    statistics: Statistics
    anomalies: list[AnomalyProfile] = []
    runtime: Raw = EMPTY


class EntityResult(Struct, gc=False):
    """One entity line of a node file."""

    entity: Raw
    metric: list[Metric]
    metadata: Raw = EMPTY
    statistical_methods: list[Method] = []
    type: str | None = None
    encounters: float | None = None


class LineType(Struct, gc=False):
    """What a line of a node file says it is; entities mostly say nothing."""

    type: str | None = None


class FacetCounts(Struct, frozen=True):
    """Sizes of a facet."""

    record_count: Count | None = None
    entity_count: Count | None = None
    entity_with_statistics_count: Count | None = None


class MethodStatistics(Struct, frozen=True):
    """Peer statistics of a facet."""

    global_metric_mean: float | None = None
    global_metric_std: float | None = None
    global_metric_median: float | None = None
    global_mad: float | None = None
    std_floor: float | None = None
    std_floor_applied: bool | None = None
    mad_floor: float | None = None
    mad_floor_applied: bool | None = None
    winsor_percentile: float | None = None
    winsor_applied: bool | None = None
    min_peer_count: Count | None = None


class Facet(Struct):
    """A peer group of a node."""

    facet_values: dict[str, str] = {}
    facet_counts: FacetCounts = FacetCounts()
    method_statistics: MethodStatistics = MethodStatistics()
    warnings: Raw = EMPTY


class PercentileTrends(Struct):
    """Peer percentile bands, one element a period in every list."""

    periods: list[str]
    p10: list[float | None] = []
    p25: list[float | None] = []
    p50: list[float | None] = []
    p75: list[float | None] = []
    p90: list[float | None] = []
    sample_sizes: list[Count | None] = []
    suppression_applied: dict[str, list[bool]] = {}


class AggregateStatistics(Struct, frozen=True):
    """What a method counts over all facets."""

    global_record_count: Count | None = None


class GlobalStatistics(Struct, frozen=True):
    """Peer statistics of a node under one method."""

    facets: list[Facet] = []
    aggregate_statistics: AggregateStatistics | None = None
    percentile_trends: Raw = EMPTY


class MethodSummary(Struct, frozen=True):
    """Summary of a method in a header."""

    global_statistics: GlobalStatistics = GlobalStatistics()


class HeaderMethod(Struct):
    """A method the header lists; slope methods have no summary."""

    statistical_method: str
    summary: MethodSummary = MethodSummary()


class ChildReference(Struct):
    """Edge to a child node."""

    canonical_child_node_id: str
    edge_type: str


class ParentReference(Struct):
    """Edge from a parent node."""

    canonical_parent_node_id: str
    edge_type: str


class EntityScope(Struct, frozen=True):
    """What the entities of a node are."""

    display_name: str | None = None
    comparison_group: str | None = None


class TemporalContext(Struct):
    """Window of a temporal node."""

    time_grain: str | None = None
    start_period: str | None = None
    end_period: str | None = None
    period_count: Count | None = None


class NodeSummary(Struct, frozen=True):
    """Scope and window of a node."""

    entity_scope: EntityScope = EntityScope()
    temporal_context: TemporalContext | None = None


class NodeHeader(Struct):
    """First line of a node file."""

    canonical_node_id: str
    metric_id: str
    type: str | None = None
    dataset_path: str | None = None
    summary: NodeSummary = NodeSummary()
    canonical_child_node_ids: list[ChildReference] = []
    canonical_parent_node_ids: list[ParentReference] = []
    statistical_methods: list[HeaderMethod] = []
    entity_results_count: Count | None = None


class LegacyNode(NodeHeader):
    """A legacy node document: the header with its entities inside, or a path to them."""

    entity_results: list[Raw] = []
    entity_results_path: str | None = None


def json_text(raw: Raw) -> str | None:
    """The JSON text of a raw member; None where it is absent or null."""
    text = bytes(raw).decode()
    return None if text in ("", "null") else text
