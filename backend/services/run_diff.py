"""What a run changed against another: one statement over the mart of signals."""

from __future__ import annotations

from typing import Final

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.services.movement import COMPARED, direction

LABEL: Final = (
    "metric_id",
    "canonical_node_id",
    "facility_id",
    "facility",
    "groupby_label",
    "group_value",
)
"""Columns that say which signal it is."""

UNCHANGED: Final = "unchanged"
KINDS: Final = ("new", "gone", "regressed", "improved", "changed", UNCHANGED)


def _row(alias: str) -> str:
    return ", ".join(f"{alias}.{name}" for name in COMPARED)


def _one(run: str) -> str:
    """SQL: the row of a shown signal in a run; the limit keeps the planner from reading the whole run."""
    return (
        "select m.* from public_marts.fct_signals as m"  # noqa: S608
        f" where m.run_key = :{run} and m.entity_key = shown.entity_key limit 1"
    )


# Keys and kinds of all come first; only the rows that are shown are read in full.
_DIFF: Final = f"""
with pairs as (
    select
        coalesce(a.entity_key, b.entity_key) as entity_key,
        coalesce(a.simplified_severity, b.simplified_severity) as severity,
        case
            when b.entity_key is null then 'new'
            when a.entity_key is null then 'gone'
            when ({direction("b", "a")}) > 0 then 'regressed'
            when ({direction("b", "a")}) < 0 then 'improved'
            when ({_row("b")}) is distinct from ({_row("a")}) then 'changed'
            else '{UNCHANGED}'
        end as kind
    from (select * from public_marts.fct_signals where run_key = :before) as b
    full join (select * from public_marts.fct_signals where run_key = :after) as a
        on a.entity_key = b.entity_key
),
placed as (
    select
        pairs.*,
        count(*) over (partition by pairs.kind) as total_count,
        row_number() over (
            partition by pairs.kind order by pairs.severity desc nulls last, pairs.entity_key
        ) as place
    from pairs
),
-- The first row of a kind says how many there are, and is all that is told of those that did not change.
shown as (
    select placed.*
    from placed
    where placed.place = 1 or (placed.kind <> '{UNCHANGED}' and placed.place <= :row_limit)
)
select
    shown.kind,
    shown.total_count,
    cast(cast(shown.entity_key as uuid) as text) as signal_id,
    {", ".join(f"coalesce(a.{name}, b.{name}) as {name}" for name in LABEL)},
    {", ".join(f"b.{name} as before_{name}" for name in COMPARED)},
    {", ".join(f"a.{name} as after_{name}" for name in COMPARED)},
    b.entity_key is not null as is_before,
    a.entity_key is not null as is_after
from shown
left join lateral ({_one("before")}) as b on true
left join lateral ({_one("after")}) as a on true
order by shown.kind, shown.place
"""  # noqa: S608


async def diff_signals(
    connection: AsyncConnection, before: str, after: str, row_limit: int
) -> list[RowMapping]:
    """Signals of two runs, by kind (see KINDS), the most severe first.

    At least one of a kind, if there is any, and at most ``row_limit``; each row carries
    ``total_count``, how many of its kind there are. ``before`` and ``after`` are
    keys of runs whose marts are built.
    """
    found = await connection.execute(text(_DIFF), {"before": before, "after": after, "row_limit": row_limit})
    return list(found.mappings())
