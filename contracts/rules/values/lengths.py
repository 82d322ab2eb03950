"""QC420: names that are too long to be looked up."""

from __future__ import annotations

import polars as pl

from contracts.findings import Finding, Severity
from contracts.rules.folding import fold
from contracts.rules.rule import Rule
from contracts.run_data import RunData

MOST_CHARACTERS = 255
"""Several such names in one row of an index stay below the 2,704 bytes that PostgreSQL allows."""
MOST_JOINED = 2 * MOST_CHARACTERS + 3
"""A service line and its sub-service line with what stands between them."""

NAME_TOO_LONG = Rule(
    "QC420",
    "name-too-long",
    Severity.ERROR,
    f"A name has more than {MOST_CHARACTERS} characters, or the values of all dimensions have {MOST_JOINED}",
    "Indexes of the database do not hold it, and no filter of the API takes it",
    "Shorten the name in the source",
)

RULES = (NAME_TOO_LONG,)

_LIMITS = {
    ("raw_entity_results", "facility_id", "/entity"): MOST_CHARACTERS,
    ("raw_entity_results", "facility_name", "/metadata/facility"): MOST_CHARACTERS,
    ("raw_entity_results", "system_name", "/metadata/systemName"): MOST_CHARACTERS,
    ("raw_entity_results", "metric_id", "/metric/0/metadata/metric_id"): MOST_CHARACTERS,
    ("raw_entity_results", "group_value", "/entity"): MOST_JOINED,
    ("raw_model_drivers", "feature", None): MOST_JOINED,
}


def check_names(data: RunData) -> list[Finding]:
    """Names of entities, and of the features that models make of them."""
    found: list[Finding] = []
    for (table, column, path), most in _LIMITS.items():
        frame = data.frames[table]
        found += fold(
            NAME_TOO_LONG,
            frame.filter(pl.col(column).str.len_chars() > most),
            f"{column} is too long",
            json_path=path,
            expected=f"at most {most} characters",
            actual=lambda row, column=column: f"{len(row[column])} characters",  # type: ignore[misc]
        )
    return found


CHECKS = (check_names,)
