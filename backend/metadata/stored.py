"""Raw tables that metadata is read from, and the run that metadata speaks of."""

from __future__ import annotations

from typing import Any, Final

import orjson
import structlog
from sqlalchemy import RowMapping, Select, column, exists, select, table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db.models import Run
from backend.db.session import is_undefined_table
from backend.enums import RunState
from backend.services.runs import is_configured

_DOCUMENTS = table(
    "raw_run_documents", column("run_key"), column("document_type"), column("content"), schema="public"
)
_FILES = {
    "run_summary_path": table("raw_modeling_runs", column("run_key"), schema="public"),
    "experiments_manifest_path": table("raw_modeling_experiments", column("run_key"), schema="public"),
}

MODELING_FILES: Final = {
    "run_summary_path": "modeling/run_summary.json",
    "experiments_manifest_path": "modeling/experiments.json",
}
"""Files of a run's models, by the name that the manifest gives them."""


logger: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def active_run(connection: AsyncConnection, configured: str, document_type: str) -> RowMapping | None:
    """The run that metadata speaks of, with one of its documents; one statement.

    It is the one that ``configured`` (INSIGHT_GRAPH_RUN) names if the database holds it, else the
    one published last. None where there is neither.
    """
    try:
        rows = await connection.execute(_active(configured, document_type))
    except DBAPIError as error:
        if is_undefined_table(error):
            return None
        raise
    return rows.mappings().one_or_none()


def parse(content: str | None, run_key: str, document_type: str) -> dict[str, Any] | None:
    """A stored document that is a JSON object; None for none, and for anything else, which is logged."""
    if content is None:
        return None
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        logger.warning("document left out", run=run_key, document=document_type, reason=str(error))
        return None
    if not isinstance(value, dict):
        logger.warning("document left out", run=run_key, document=document_type, reason="not an object")
        return None
    return value


def _active(configured: str, document_type: str) -> Select[*tuple[Any, ...]]:
    named = is_configured(configured)
    chosen = (
        select(Run.run_key, Run.graph_name, Run.run_id, Run.loaded_at)
        .where(named | (Run.state == RunState.PUBLISHED))
        .order_by(named.desc(), Run.published_at.desc().nulls_last(), Run.run_key)
        .limit(1)
        .cte("active")
    )
    document = _DOCUMENTS.c
    files = [exists().where(each.c.run_key == chosen.c.run_key).label(name) for name, each in _FILES.items()]
    return select(
        *chosen.c,
        select(document.content)
        .where(document.run_key == chosen.c.run_key, document.document_type == document_type)
        .scalar_subquery()
        .label("content"),
        *files,
    )
