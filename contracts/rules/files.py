"""QC1xx: files and layout of a run."""

from __future__ import annotations

from contracts.findings import Severity
from contracts.rules.rule import Rule

MISSING_DOCUMENT = Rule(
    "QC101",
    "missing-document",
    Severity.ERROR,
    "A document that every run has is missing",
    "Nodes, edges and metrics are read from these documents",
    "Copy the whole run directory, or run the engine's export again",
)
MISSING_SHARD = Rule(
    "QC102",
    "missing-node-shard",
    Severity.ERROR,
    "The results index names a node file that does not exist",
    "Every entity of the node would be missing from the dashboard",
    "Copy the missing file into the run, or compute the node again",
)
UNLISTED_SHARD = Rule(
    "QC103",
    "unlisted-node-shard",
    Severity.WARNING,
    "A node file exists that the results index does not name",
    "The file is not loaded",
    "Remove the file, or add the node to results/index.json",
)
MISSING_CLASSIFICATIONS = Rule(
    "QC104",
    "missing-classifications",
    Severity.ERROR,
    "The run was classified, but classifications.jsonl is missing",
    "Without classifications the run has no signals",
    "Copy analysis/classification/classifications.jsonl into the run",
)
MISSING_CONTRIBUTIONS = Rule(
    "QC105",
    "missing-contribution-rows",
    Severity.ERROR,
    "The contribution index names a file that does not exist",
    "Contributions of the parent node would be missing",
    "Copy the missing file into analysis/contribution/",
)
PATH_ESCAPES_RUN = Rule(
    "QC106",
    "path-escapes-run",
    Severity.ERROR,
    "A path or link leaves the run directory",
    "Following it could read any file of the host",
    "Use paths relative to the run, and no links out of it",
)

RULES = (
    MISSING_DOCUMENT,
    MISSING_SHARD,
    UNLISTED_SHARD,
    MISSING_CLASSIFICATIONS,
    MISSING_CONTRIBUTIONS,
    PATH_ESCAPES_RUN,
)
