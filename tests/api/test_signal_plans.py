"""Lists of signals on a large table: every one is answered from indexes.

COMPASS_PLAN_ROWS sets the number of signals.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement, Executable

from backend.db.session import create_engine
from backend.signals import queries
from backend.signals.documents import IN_MARTS
from backend.signals.filters import SignalQuery
from tests.api.marts import create_marts, open_connection

ROWS = int(os.environ.get("COMPASS_PLAN_ROWS", "50000"))

# Rows as wide as real ones are: what the planner prefers depends on it.
FILL = """
insert into signals (
    id, entity_key, graph_name, run_key, run_id, canonical_node_id, metric_id, domain, facility,
    facility_id, system_name, service_line, description, metric_value, percentile_rank,
    entity_dimensions_hash, group_value, simplified_signal_type, simplified_severity, temporal_node_id,
    entity_dimensions, parent_node_ids, detected_at
)
select
    md5(n::text)::uuid, md5(n::text), 'g', 'g/1', '1', 'node' || n % 20, 'metric' || n % 10,
    (array['Efficiency', 'Safety', 'Effectiveness', 'Utilization'])[1 + n % 4], 'Hospital ' || n % 500,
    lpad((n % 500)::text, 6, '0'), 'SYSTEM_' || n % 9, 'Line ' || n % 40, 'severity ' || n % 100,
    n * 7919 % 10007, nullif(n * 31 % 1000, 0) / 10.0, md5(n::text), 'Line ' || n % 40,
    (array['baseline', 'emerging_risk', 'recovering'])[1 + n % 3], nullif(n % 101, 100),
    repeat('n', 160), jsonb_build_object('vizientServiceLine', 'Line ' || n % 40), array[repeat('n', 160)],
    now() - n % 1000 * interval '1 hour'
from generate_series(1, :rows) as n
"""
FILL_MART = """
insert into public_marts.fct_signals (run_key, entity_key, metadata)
select s.run_key, s.entity_key, repeat('x', 800) from signals as s
"""


class _Explain(Executable, ClauseElement):
    inherit_cache = False

    def __init__(self, statement: Any) -> None:
        self.statement = statement


@compiles(_Explain)
def _render(element: _Explain, compiler: SQLCompiler, **options: Any) -> str:
    return "explain (format json) " + compiler.process(element.statement, **options)


@pytest.fixture(scope="module")
async def large(migrated_url: str) -> AsyncIterator[AsyncConnection]:
    """A connection to a database with many signals."""
    arranging = await open_connection(migrated_url)
    await create_marts(arranging)
    await arranging.close()
    engine = create_engine(migrated_url)
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("truncate signals cascade"))
        await connection.execute(text(FILL), {"rows": ROWS})
        await connection.execute(text("truncate public_marts.fct_signals"))
        await connection.execute(text(FILL_MART))
        await connection.execute(
            text("create unique index on public_marts.fct_signals (run_key, entity_key)")
        )
        await connection.execute(text("vacuum analyze"))
        yield connection
    await engine.dispose()


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


SORTS = ["detected_at", "priority", "metric_id", "facility", "metric_value", "percentile_rank"]
FILTERS: list[dict[str, Any]] = [
    {"domain": "Safety"},
    {"facility": ["Hospital 3"]},
    {"facility": ["000003"]},
    {"system_name": "SYSTEM_1"},
    {"service_line": "Line 3"},
    {"sub_service_line": "Valve"},
    {"metric_id": "metric3"},
    {"signal_type": "baseline"},
    {"status": "new"},
    {"status": "assigned"},
    {"assignee": "00000000-0000-0000-0000-000000000001"},
    {"severity_min": 90},
    {"severity_max": 5},
    {"q": "hospital 77"},
    {"active": "all"},
    {"active": "false"},
    {"offset": ROWS // 2},
]


@pytest.mark.parametrize(
    "parameters",
    [*({"sort_by": sort, "sort_order": order} for sort in SORTS for order in ("asc", "desc")), *FILTERS],
    ids=str,
)
@pytest.mark.asyncio(loop_scope="module")
async def test_lists_are_answered_from_indexes(large: AsyncConnection, parameters: dict[str, Any]) -> None:
    found = await large.scalar(_Explain(queries.page(SignalQuery(**parameters), IN_MARTS)))
    (plan,) = json.loads(found) if isinstance(found, str) else found
    scans = [node for node in _nodes(plan["Plan"]) if "Relation Name" in node]
    scans = [node for node in scans if node["Relation Name"] in ("signals", "fct_signals")]
    assert {node["Relation Name"] for node in scans} == {"signals", "fct_signals"}
    assert [node["Node Type"] for node in scans if node["Node Type"] == "Seq Scan"] == []
