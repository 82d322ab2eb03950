"""A database with the sample run and some work on it, for requests of every operation."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import asyncpg

from backend.config import without_driver
from tests.api.working import add_user

_KNOWN = """
    with ids as (select min(id::text) as signal_id, min(canonical_node_id) as node_id from signals)
    select ids.*, 'fct_signals' as model_name, 'model' as resource_type, 'fct_signals' as name,
        'avg_impact_score' as metric_name, 'losIndex' as metric_id, runs.graph_name, runs.run_id,
        runs.run_key as before, runs.run_key as after, runs.run_id as run,
        'Metric' as label, 'losIndex' as vertex_id,
        (select min(id::text) from activity_events where signal_id = ids.signal_id::uuid) as event_id,
        (select min(facility_id) from raw_narratives) as facility_id,
        (select id::text from users where name = 'Ann') as user_id,
        (select id::text from assignments where signal_id = ids.signal_id::uuid) as assignment_id
    from ids, runs where runs.state = 'published'
"""


def furnish(database_url: str) -> dict[str, str]:
    """Add a user who works on a signal to a database with the sample run.

    What comes back is a value for every parameter that a path may have, by the parameter's name.
    """
    return asyncio.run(_furnish(database_url))


async def _furnish(database_url: str) -> dict[str, str]:
    connection = await asyncpg.connect(without_driver(database_url))
    try:
        user_id = await add_user(connection, "Ann", "nursing_leadership")
        await connection.execute(
            "insert into assignments (signal_id, assignee_id, status)"
            " select min(id::text)::uuid, $1, 'assigned' from signals",
            user_id,
        )
        row = await connection.fetchrow(_KNOWN)
        assert row is not None
        return dict(row)
    finally:
        await connection.close()


def bodies(known: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """A body that is accepted, by operation, for each that takes one."""
    assignment = {"assignee_id": known["user_id"], "role_type": "nursing_leadership", "notes": "soon"}
    return {
        "update_signal": {"description": "edited", "why_matters_narrative": "because"},
        "query_metric": {"group_by": ["contribution_direction"], "limit": 3},
        "assign_signals": {**assignment, "signal_ids": [known["signal_id"]]},
        "assign_signal": assignment,
        "change_status": {"status": "in_progress", "notes": "begun"},
        "add_comment": {"content": "seen", "mentions": ["Ann"]},
        "create_user": {"email": "new@example.org", "name": "New", "role": "viewer"},
        "update_user": {"name": "Ann", "role": "nursing_leadership"},
    }
