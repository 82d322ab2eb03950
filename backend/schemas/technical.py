"""The statistics behind a signal."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class TechnicalDetails(BaseModel):
    """One analytic row, that of exactly this signal. Statistics of a suppressed method are null."""

    simple_zscore: float | None = Field(description="Of the aggregate period.")
    robust_zscore: float | None = Field(description="Of the aggregate period.")
    latest_simple_zscore: float | None = Field(description="Of the latest period.")
    mean_simple_zscore: float | None = Field(description="Mean over the periods.")
    latest_robust_zscore: float | None = Field(description="Of the latest period.")
    mean_robust_zscore: float | None = Field(description="Mean over the periods.")
    simple_zscore_anomaly: str | None
    robust_zscore_anomaly: str | None
    latest_simple_zscore_anomaly: str | None
    mean_simple_zscore_anomaly: str | None
    latest_robust_zscore_anomaly: str | None
    mean_robust_zscore_anomaly: str | None
    slope_anomaly: str | None
    slope: float | None = Field(description="Change per period.")
    slope_percentile: float | None = Field(description="0 to 100; higher = worsening more than peers.")
    acceleration: float | None
    trend_direction: str | None
    momentum: str | None
    monthly_z_scores: list[float | None] | None = Field(
        description="One per period, oldest first; null where there is none."
    )
    monthly_z_score_method: str | None = Field(description="`simple`, or `robust` as the fallback.")
    magnitude_tier: str | None
    trajectory_tier: str | None
    consistency_tier: str | None
    coefficient_of_variation: float | None = Field(description="Of the z-scores over the periods.")
    classified_period_count: int | None = Field(description="Periods that the classification saw.")
    simplified_signal_type: str | None
    simplified_severity: int | None
    simplified_severity_range: list[int] | None = Field(description="[min, max] of the signal's type.")
    simplified_inputs: dict[str, Any] | None
    simplified_indicators: dict[str, Any] | None
    simplified_reasoning: str | None
    simplified_severity_calculation: dict[str, Any] | None
    percentile_rank: float | None
    peer_mean: float | None = Field(description="Mean of the peers; the benchmark may be another.")
    peer_std: float | None
    peer_count: int | None
    global_metric_mean: float | None = Field(description="Mean over all entities of the same facet.")
    global_metric_std: float | None
    encounters: int | None
    source_file: str | None = Field(description="File of the run that the values come from.")
    line_number: int | None = Field(description="Line of that file.")
    data_quality_suppressed: bool = Field(description="Always false: suppressed entities are no signals.")
    data_quality_fallback_rate: float | None = Field(description="Null: runs do not hold it.")
    data_quality_missing_rate: float | None = Field(description="Null: runs do not hold it.")
