"""The statements of hydration: marts of a run -> ``signals``, set by set.

They run in one transaction, in the order of this module; those of ``event_sql`` come between. What
changed is told from ``signals_before``, a temporary table. Names of columns are constants of this
module; values are bound.
"""

from __future__ import annotations

from typing import Final

from backend.services.hydration_columns import ANALYTIC, INSERTED, SOURCE, finite
from backend.services.signal_documents import DOCUMENTS, OF_SIGNAL, SHOWN


def _pairs(signals: str) -> str:
    """SQL: parent and child of each pair in a relation shaped as ``signals``.

    A signal's parents are those of its facility and metric on the nodes that segment into its
    own, whose dimensions are some, not all, of its dimensions.
    """
    return f"""
    select p.id as parent_id, c.id as child_id
    from (
        select s.*, unnest(s.parent_node_ids) as parent_node_id
        from {signals} as s
        offset 0
    ) as c
    inner join {signals} as p
        on p.canonical_node_id = c.parent_node_id
        and p.graph_name = c.graph_name
        and p.metric_id = c.metric_id
        and coalesce(p.facility_id, '') = coalesce(c.facility_id, '')
        and c.entity_dimensions @> p.entity_dimensions
        and c.entity_dimensions <> p.entity_dimensions
    """  # noqa: S608


_RELATED_KEYS: Final = {
    "facility": "s.facility",
    "facility_id": "coalesce(s.facility_id, '')",
    "service_line": "s.service_line",
    "dimensions_hash": "coalesce(s.entity_dimensions_hash, '')",
}

_PLACE: Final = ", ".join(_RELATED_KEYS.values())


def _related(signals: str) -> str:
    """SQL: by place and metric, how many signals of a relation have the place but another metric."""
    keys = ", ".join(f"{expression} as {name}" for name, expression in _RELATED_KEYS.items())
    return f"""
    select {keys}, s.metric_id,
        sum(count(*)) over (partition by {_PLACE}) - count(*) as others
    from {signals} as s
    group by {_PLACE}, s.metric_id
    """  # noqa: S608


_SAME_PLACE_AND_METRIC: Final = " and ".join(
    f"{expression} = related.{name}"
    for name, expression in {**_RELATED_KEYS, "metric_id": "s.metric_id"}.items()
)

_HAS_VALUE = f"{finite('metric_value')} is not null"
_IN_SCOPE = (
    "m.run_key = :run_key"
    " and (cast(:facility_ids as text[]) is null or m.facility_id = any(cast(:facility_ids as text[])))"
)

MARTS_EXIST: Final = """
select to_regclass('public_marts.fct_signals') is not null
   and to_regclass('public_marts.fct_node_edges') is not null
"""

RUN_HAS_ROWS: Final = """
select exists (select from public_marts.fct_signals where run_key = :run_key)
    or exists (select from public_marts.fct_node_edges where run_key = :run_key)
"""

COUNT_ROWS: Final = f"""
select count(*) as rows, count(*) filter (where {_HAS_VALUE}) as usable
from public_marts.fct_signals as m
where {_IN_SCOPE}
"""  # noqa: S608

# `version` is the place of a row's version: an update of any kind moves it.
REMEMBER: Final = """
create temporary table signals_before on commit drop as
select s.id, s.ctid as version, s.active, s.run_id, s.simplified_severity, s.simplified_signal_type,
    s.metric_value
from public.signals as s
where s.graph_name = :graph_name
"""

FORGET: Final = "drop table signals_before"

THERE: Final = """
select exists (select from signals_before) as of_graph, exists (select from public.signals) as of_any
"""

_MOST_SEVERE = """
    order by m.simplified_severity desc nulls last, m.entity_key
    limit cast(:row_limit as bigint)
"""


def _complete(chosen: str = "") -> str:
    """SQL: ``complete``, signals as the rows in scope say, or those of them that ``chosen`` leaves."""
    return f"""
with ends as (
    select e.source_node_id as node_id, e.edge_type_normalized as edge_type, null as parent_node_id
    from public_marts.fct_node_edges as e
    where e.run_key = :run_key
    union all
    select e.target_node_id, null, e.source_node_id
    from public_marts.fct_node_edges as e
    where e.run_key = :run_key and e.is_hierarchy
),
nodes as (
    select
        ends.node_id,
        array_agg(distinct ends.edge_type order by ends.edge_type)
            filter (where ends.edge_type is not null) as edge_types,
        array_agg(distinct ends.parent_node_id order by ends.parent_node_id)
            filter (where ends.parent_node_id is not null) as parent_node_ids
    from ends
    group by ends.node_id
),
placed as materialized (
    select {", ".join(f"{expression} as {column}" for column, expression in SOURCE.items())}
    from public_marts.fct_signals as m
    left join nodes as n on n.node_id = m.canonical_node_id
    where {_IN_SCOPE} and {_HAS_VALUE}{chosen}
),
pairs as ({_pairs("placed")}),
complete as (
    select
        s.*,
        s.id in (select pairs.parent_id from pairs) as has_children,
        s.id in (select pairs.child_id from pairs) as has_parent,
        count(*) over (partition by {_PLACE}) - count(*) over (partition by {_PLACE}, s.metric_id)
            as related_signal_count
    from placed as s
)
"""  # noqa: S608


_MERGE: Final = f"""
merge into public.signals as s
using complete as h on h.id = s.id
when matched and (
    not s.active
    or num_nonnulls({", ".join(f"s.{column}" for column in DOCUMENTS)}) > 0
    or (not s.description_edited and s.description <> h.description)
    or ({", ".join(f"s.{column}" for column in ANALYTIC)})
       is distinct from ({", ".join(f"h.{column}" for column in ANALYTIC)})
) then update set
    {", ".join(f"{column} = h.{column}" for column in ANALYTIC)},
    {", ".join(f"{column} = null" for column in DOCUMENTS)},
    active = true,
    description = case when s.description_edited then s.description else h.description end
when not matched then
    insert ({", ".join(INSERTED)}) values ({", ".join(f"h.{column}" for column in INSERTED)})
"""  # noqa: S608

MERGE: Final = _complete() + _MERGE
MERGE_MOST_SEVERE: Final = _complete(_MOST_SEVERE) + _MERGE
# Where the graph has no signals there is nothing to merge with.
INSERT: Final = f"""
{_complete()}
insert into public.signals ({", ".join(INSERTED)})
select {", ".join(f"h.{column}" for column in INSERTED)} from complete as h
"""  # noqa: S608

COUNT_UPDATED: Final = """
select count(*)
from public.signals as s
inner join signals_before as b on b.id = s.id
where s.ctid <> b.version
"""


DEACTIVATE_ABSENT: Final = f"""
with absent as (
    select s.id, {", ".join(f"{shown} as {column}" for column, shown in SHOWN.items())}
    from public.signals as s
    left join public_marts.fct_signals as m on {OF_SIGNAL}
    where s.graph_name = :graph_name
      and s.active
      and (cast(:facility_ids as text[]) is null or s.facility_id = any(cast(:facility_ids as text[])))
      and not exists (
          select from public_marts.fct_signals as m
          where m.run_key = :run_key and m.entity_key = s.entity_key and {_HAS_VALUE}
      )
),
deactivated as (
    update public.signals as s
    set active = false, has_children = false, has_parent = false, related_signal_count = 0,
        {", ".join(f"{column} = absent.{column}" for column in DOCUMENTS)}
    from absent
    where absent.id = s.id
    returning 1
)
select count(*) from deactivated
"""  # noqa: S608

UPDATE_HIERARCHY: Final = f"""
with here as materialized (
    select s.id, s.graph_name, s.canonical_node_id, s.metric_id, s.facility_id,
        s.entity_dimensions, s.parent_node_ids
    from public.signals as s
    where s.graph_name = :graph_name and s.active
),
pairs as ({_pairs("here")}),
flags as (
    select
        here.id,
        here.id in (select pairs.parent_id from pairs) as has_children,
        here.id in (select pairs.child_id from pairs) as has_parent
    from here
)
update public.signals as s
set has_children = flags.has_children, has_parent = flags.has_parent
from flags
where s.id = flags.id
  and (s.has_children, s.has_parent) is distinct from (flags.has_children, flags.has_parent)
"""  # noqa: S608

# Signals of another graph can be related too: all are counted, those that changed are written.
UPDATE_RELATED: Final = f"""
with here as (select s.* from public.signals as s where s.active),
related as ({_related("here")})
update public.signals as s
set related_signal_count = related.others
from related
where s.active and {_SAME_PLACE_AND_METRIC} and s.related_signal_count <> related.others
"""  # noqa: S608
