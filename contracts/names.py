"""What names say: ids of methods, and files of older engines."""

from __future__ import annotations

from functools import lru_cache

import polars as pl

METHOD_PREFIX = "statistical_method"
NODES = "results/nodes/"
LEGACY_ENTITIES = "results/entities/"
"""Where a transitional form keeps the entities of legacy documents."""


STATISTIC_OF_RULE = {
    ("simple_zscore", "simple_zscore_threshold"): "simple_zscore",
    ("robust_zscore", "robust_zscore_threshold"): "robust_zscore",
    ("trending_simple_zscore", "simple_zscore_threshold"): "latest_simple_zscore",
    ("trending_simple_zscore", "mean_simple_zscore_threshold"): "mean_simple_zscore",
    ("trending_robust_zscore", "robust_zscore_threshold"): "latest_robust_zscore",
    ("trending_robust_zscore", "mean_robust_zscore_threshold"): "mean_robust_zscore",
    ("slope_percentile", "percentile_threshold"): "slope_percentile",
}
"""What anomaly rules apply to, by method and rule as their ids name them; engines may have further rules."""


@lru_cache(maxsize=256)
def method_name(method_id: str) -> str:
    """``simple_zscore`` of ``statistical_method__simple_zscore__aggregate_time_period``."""
    parts = method_id.split("__")
    return parts[1] if len(parts) > 1 and parts[0] == METHOD_PREFIX else parts[0]


def is_legacy(file: str) -> bool:
    """Whether a node file is a document of older engines, which left out what newer ones write."""
    return (file.startswith(NODES) and file.endswith(".json")) or file.startswith(LEGACY_ENTITIES)


def of_legacy() -> pl.Expr:
    """As ``is_legacy``, of rows that were read from node files."""
    file = pl.col("source_file")
    return file.str.ends_with(".json") | file.str.starts_with(LEGACY_ENTITIES)


def by_entity_file(headers: pl.DataFrame) -> pl.DataFrame:
    """Headers by the files that entities below them may be read from: their own, or one of entities alone."""
    own = pl.col("source_file")
    apart = headers.with_columns(own.str.replace(rf"^{NODES}(.+)\.json$", f"{LEGACY_ENTITIES}${{1}}.jsonl"))
    return pl.concat([headers, apart]).unique("source_file", keep="first", maintain_order=True)
