"""The catalogue of metrics: what is known about them, joined with what published runs say.

Texts come from the catalogue (a seed of the dbt project), for metrics it does not have from the
run. Domain and polarity are those that the signals of the published run carry, which the models
derive from the run and the same catalogue.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from io import StringIO
from typing import Any

from sqlalchemy import Select, column, select, table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db.models import Run
from backend.db.session import is_undefined_table
from backend.enums import RunState
from backend.metadata.documents import METRIC_CATALOG, Document, documents, parsed_once

_METRICS = table(
    "dim_metrics",
    *(
        column(name)
        for name in (
            "run_key",
            "metric_id",
            "display_name",
            "description",
            "domain",
            "polarity",
            "unit_type",
        )
    ),
    schema="public_marts",
)
_INTERPRETATIONS = {
    "lower_is_better": "Lower values are better",
    "higher_is_better": "Higher values are better",
    "neutral": "Neither more nor less is better by itself",
}

Entry = Mapping[str, str]


async def catalogue(connection: AsyncConnection) -> dict[str, Entry]:
    """Every metric by id: those of the catalogue in its order, then others of published runs."""
    found = await documents(connection, METRIC_CATALOG)
    known = _known(found[METRIC_CATALOG]) if METRIC_CATALOG in found else {}
    measured = await _measured(connection)
    others = sorted(metric_id for metric_id in measured if metric_id not in known)
    domains = {entry["domain"]: entry["domain_description"] for entry in known.values()}
    return {
        metric_id: _entry(metric_id, known.get(metric_id), measured.get(metric_id, {}), domains)
        for metric_id in (*known, *others)
    }


@parsed_once
def _known(document: Document) -> dict[str, Entry]:
    return {row["metric_id"]: row for row in csv.DictReader(StringIO(document.content, newline=""))}


async def _measured(connection: AsyncConnection) -> dict[str, Mapping[str, Any]]:
    """What published runs say of their metrics; of several, the one published last."""
    try:
        rows = await connection.execute(_published_metrics())
    except DBAPIError as error:
        if is_undefined_table(error):
            return {}
        raise
    return {row["metric_id"]: dict(row) for row in rows.mappings()}


def _published_metrics() -> Select[*tuple[Any, ...]]:
    return (
        select(*_METRICS.c)
        .join(Run, Run.run_key == _METRICS.c.run_key)
        .where(Run.state == RunState.PUBLISHED)
        .order_by(Run.published_at.nulls_first(), Run.run_key)
    )


def _entry(
    metric_id: str, known: Entry | None, measured: Mapping[str, Any], domains: Mapping[str, str]
) -> Entry:
    texts = known or {}
    domain = measured.get("domain") or texts.get("domain", "")
    direction = measured.get("polarity") or texts.get("polarity", "")
    return {
        "metric_id": metric_id,
        "display_name": texts.get("display_name") or measured.get("display_name") or metric_id,
        "description": texts.get("description") or measured.get("description") or "",
        "domain": domain,
        "domain_description": domains.get(domain, ""),
        "unit": texts.get("unit") or measured.get("unit_type") or "",
        "direction": direction,
        "interpretation": texts.get("interpretation") or _INTERPRETATIONS.get(direction, ""),
    }
