"""Artifacts of a generated run that corruptions change."""

from __future__ import annotations

METRIC = "losIndex"

GRAPH = "graph.json"
BUNDLE = "metadata_bundle.json"
MANIFEST = "run_manifest.json"
SEMANTIC_MANIFEST = "run_manifest.semantic.json"
RESULTS_INDEX = "results/index.json"

AGGREGATE_NODE = f"{METRIC}__medicareId__aggregate_time_period"
MONTHLY_NODE = f"{METRIC}__medicareId__dischargeMonth"
SEGMENT_NODE = f"{METRIC}__medicareId_vizientServiceLine__aggregate_time_period"

_NODES = "results/nodes"
FACILITY_AGGREGATE = f"{_NODES}/{AGGREGATE_NODE}.jsonl"
FACILITY_MONTHLY = f"{_NODES}/{MONTHLY_NODE}.jsonl"
FACETED_AGGREGATE = f"{_NODES}/{SEGMENT_NODE}.jsonl"
DISCHARGE_AGGREGATE = f"{_NODES}/{METRIC}__medicareId_dischargeStatus__aggregate_time_period.jsonl"
"""No contribution is made of this node's numbers."""
DISCHARGE_MONTHLY = f"{_NODES}/{METRIC}__medicareId_dischargeStatus__dischargeMonth.jsonl"

HEADER, FIRST, ENTITY = 1, 2, 3
"""Lines of a node file: the header, the first and the second entity."""

NODE_YAML = f"nodes/{METRIC}/base/facility_base/{AGGREGATE_NODE}.yaml"
EDGE_YAML = f"edges/{METRIC}/base/facility_base/{AGGREGATE_NODE}__to__{MONTHLY_NODE}.yaml"
NODE_GROUPS = f"nodes/{METRIC}/manifests/base.yaml"
DRAWING = "graphviz/graphviz_condensed.dot"

CLASSIFICATIONS = "analysis/classification/classifications.jsonl"
SUMMARY = "analysis/classification/classification_summary.csv"
CLASSIFICATION_INDEX = "analysis/classification/index.json"
CLASSIFICATION_MANIFEST = "analysis/classification/manifest.json"

CONTRIBUTION_FOLDER = "analysis/contribution"
CONTRIBUTIONS = f"{CONTRIBUTION_FOLDER}/{SEGMENT_NODE}.{METRIC}.jsonl"
CONTRIBUTION_INDEX = f"{CONTRIBUTION_FOLDER}/index.json"
CONTRIBUTION_ARGUMENTS = f"{CONTRIBUTION_FOLDER}/manifests/cli/run_args.json"

EXPERIMENTS = "modeling/experiments.json"
SHAP = "modeling/ridge_global_shap.csv"

NARRATIVES = "analysis/narrative/*.md"
REPORT = "validation_report.json"
ANALYTICS_REPORT = "validation_analytics_report.json"
