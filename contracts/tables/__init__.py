"""The raw tables: ONE declaration each, from which pandera schemas, DDL and dbt sources follow."""

from __future__ import annotations

from contracts.columns import Table
from contracts.tables.analysis import (
    CLASSIFICATIONS,
    CONTRIBUTIONS,
    MODEL_DRIVERS,
    MODELING_EXPERIMENTS,
    MODELING_RUNS,
    NARRATIVES,
)
from contracts.tables.results import (
    ANOMALIES,
    ENTITY_RESULTS,
    GLOBAL_STATISTICS,
    PERCENTILE_TRENDS,
    STATISTICAL_METHODS,
)
from contracts.tables.run import (
    METRIC_DEFINITIONS,
    NODE_EDGES,
    NODE_RESULTS,
    RUN_DOCUMENTS,
    RUNS,
)

RAW_TABLES: tuple[Table, ...] = (
    RUNS,
    RUN_DOCUMENTS,
    METRIC_DEFINITIONS,
    NODE_RESULTS,
    NODE_EDGES,
    ENTITY_RESULTS,
    STATISTICAL_METHODS,
    ANOMALIES,
    GLOBAL_STATISTICS,
    PERCENTILE_TRENDS,
    CLASSIFICATIONS,
    CONTRIBUTIONS,
    MODELING_RUNS,
    MODELING_EXPERIMENTS,
    MODEL_DRIVERS,
    NARRATIVES,
)

TABLES_BY_NAME: dict[str, Table] = {table.name: table for table in RAW_TABLES}

__all__ = ["RAW_TABLES", "TABLES_BY_NAME"]
