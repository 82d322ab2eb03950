{{ config(indexes=[{"columns": ["run_key", "facility_id"], "unique": true}]) }}

with entities as (
    select
        entity_results.run_key,
        entity_results.facility_id,
        entity_results.facility_name,
        entity_results.system_name,
        entity_results.service_line,
        entity_results.groupby_label,
        entity_results.encounters
    from {{ ref('stg_entity_results') }} as entity_results
    inner join {{ ref('stg_node_results') }} as nodes on {{ same_node('entity_results', 'nodes') }}
    where nodes.time_grain = 'aggregate_time_period'
),

facilities as (
    -- Names come from the facility's own row where it has one: a segment's system is that of its first
    -- source row. Metrics may count different encounters; the most is what the facility has at least.
    select
        entities.run_key,
        entities.facility_id,
        coalesce(
            min(nullif(entities.facility_name, '')) filter (where entities.groupby_label = 'Facility-wide'),
            min(nullif(entities.facility_name, ''))
        ) as facility_name,
        coalesce(
            min(entities.system_name) filter (where entities.groupby_label = 'Facility-wide'),
            min(entities.system_name)
        ) as system_name,
        max(entities.encounters) filter (where entities.groupby_label = 'Facility-wide') as encounters
    from entities
    group by entities.run_key, entities.facility_id
),

service_lines as (
    select
        lines.run_key,
        lines.facility_id,
        lines.service_line,
        row_number() over (
            partition by lines.run_key, lines.facility_id
            order by max(lines.encounters) desc nulls last, lines.service_line
        ) as position_by_encounters
    from entities as lines
    where lines.groupby_label = 'Service Line'
    group by lines.run_key, lines.facility_id, lines.service_line
),

signals as (
    select
        fct.run_key,
        fct.facility_id,
        count(*) as signal_count
    from {{ ref('fct_signals') }} as fct
    where {{ in_build_scope('fct') }}
    group by fct.run_key, fct.facility_id
)

select
    cast(facilities.run_key as text) as run_key,
    cast(facilities.facility_id as text) as facility_id,
    cast(coalesce(facilities.facility_name, reference.facility_name, facilities.facility_id) as text) as facility_name,
    cast(facilities.system_name as text) as system_name,
    cast(service_lines.service_line as text) as primary_service_line,
    cast(coalesce(signals.signal_count, 0) as bigint) as signal_count,
    cast(facilities.encounters as bigint) as encounters,
    cast(runs.loaded_at as timestamptz) as loaded_at
from facilities
inner join {{ ref('stg_runs') }} as runs
    on facilities.run_key = runs.run_key
left join service_lines
    on
        facilities.run_key = service_lines.run_key
        and facilities.facility_id = service_lines.facility_id
        and service_lines.position_by_encounters = 1
left join signals
    on facilities.run_key = signals.run_key and facilities.facility_id = signals.facility_id
left join {{ ref('ref_facilities') }} as reference
    on facilities.facility_id = reference.facility_id
