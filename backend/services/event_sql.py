"""The statements that tell the feed what a hydration changed: each change once, with both runs.

They compare ``signals`` with ``signals_before``, a temporary table of what was there. Whoever
publishes the same again changes nothing, so that there is nothing to tell.
"""

from __future__ import annotations

from typing import Final

from backend.services.movement import direction


def _percent_change(new: str, old: str) -> str:
    """SQL: change from ``old`` in percent of its size; numeric, for it cannot overflow."""
    return (
        f"round((cast({new} as numeric) - cast({old} as numeric))"
        f" / nullif(abs(cast({old} as numeric)), 0) * 100, 2)"
    )


# An event of a new signal is named by the signal and its run: told once, and random ids take long to make.
ANNOUNCE_NEW: Final = f"""
with announced as (
    insert into public.activity_events (id, event_type, signal_id, payload)
    select
        cast(md5(concat(s.id, s.run_id)) as uuid),
        'new_signal',
        s.id,
        jsonb_build_object(
            'signal_type', s.simplified_signal_type,
            'severity', s.simplified_severity,
            'domain', s.domain,
            'service_line', s.service_line,
            'description', s.description,
            'variance_percent', {_percent_change("s.metric_value", "s.peer_mean")},
            'previous_run_id', (select max(b.run_id) from signals_before as b where b.active),
            'current_run_id', s.run_id
        )
    from public.signals as s
    where s.graph_name = :graph_name and not exists (select from signals_before as b where b.id = s.id)
    returning 1
)
select count(*) from announced
"""  # noqa: S608

# A signal that came back is a regression, for that it left was an improvement.
ANNOUNCE_MOVED: Final = f"""
with changed as (
    select
        s.id,
        b.active as was_active,
        b.run_id as old_run_id,
        s.run_id,
        b.simplified_severity as old_severity,
        s.simplified_severity as severity,
        b.simplified_signal_type as old_type,
        s.simplified_signal_type as signal_type,
        b.metric_value as old_value,
        s.metric_value,
        case when not b.active then 1 else {direction("b", "s")} end as direction,
        format('%s at %s', m.metric_name, s.facility) as what
    from signals_before as b
    inner join public.signals as s on s.id = b.id
    inner join public_marts.fct_signals as m on m.run_key = s.run_key and m.entity_key = s.entity_key
    where s.run_key = :run_key and s.ctid <> b.version
),
moved as (
    select
        changed.*,
        {_percent_change("changed.metric_value", "changed.old_value")} as percent_change,
        concat_ws(
            ', ',
            case
                when changed.severity > changed.old_severity
                    then format('severity rose from %s to %s', changed.old_severity, changed.severity)
                when changed.severity < changed.old_severity
                    then format('severity fell from %s to %s', changed.old_severity, changed.severity)
            end,
            case
                when changed.signal_type <> changed.old_type
                    then format('%s became %s', changed.old_type, changed.signal_type)
            end
        ) as how
    from changed
    where changed.direction <> 0
)
insert into public.activity_events (event_type, signal_id, payload)
select
    case when moved.direction < 0 then 'improvement' else 'regression' end,
    moved.id,
    jsonb_build_object(
        'description',
        case
            when moved.was_active then format('%s: %s', moved.what, moved.how)
            else format('%s is back with severity %s', moved.what, coalesce(moved.severity::text, 'unknown'))
        end,
        'percent_change', moved.percent_change,
        'previous_severity', moved.old_severity,
        'current_severity', moved.severity,
        'previous_signal_type', moved.old_type,
        'current_signal_type', moved.signal_type,
        'previous_run_id', moved.old_run_id,
        'current_run_id', moved.run_id
    ) || case
        when moved.direction < 0 then jsonb_build_object(
            'intervention_name', null,
            'before_value', moved.old_value,
            'after_value', moved.metric_value,
            'effectiveness_label', moved.how
        )
        else jsonb_build_object('previous_value', moved.old_value, 'current_value', moved.metric_value)
    end
from moved
"""  # noqa: S608

# The name of the metric is that of the run which had the signal last, if that is still there.
ANNOUNCE_GONE: Final = """
insert into public.activity_events (event_type, signal_id, payload)
select
    'improvement',
    s.id,
    jsonb_build_object(
        'description',
        format('%s at %s is no longer a signal', coalesce(m.metric_name, s.metric_id), s.facility),
        'intervention_name', null,
        'before_value', b.metric_value,
        'after_value', null,
        'percent_change', null,
        'effectiveness_label', 'no longer a signal',
        'previous_severity', b.simplified_severity,
        'current_severity', null,
        'previous_signal_type', b.simplified_signal_type,
        'current_signal_type', null,
        'previous_run_id', b.run_id,
        'current_run_id', r.run_id
    )
from signals_before as b
inner join public.signals as s on s.id = b.id
inner join public.runs as r on r.run_key = :run_key
left join public_marts.fct_signals as m on m.run_key = s.run_key and m.entity_key = s.entity_key
where b.active and not s.active
"""
