{{ config(indexes=[{"columns": ["run_key", "metric_id"], "unique": true}]) }}

-- Every metric of a run: those of its nodes and those of its metadata bundle.
with run_metrics as (
    select
        nodes.run_key,
        nodes.metric_id
    from {{ ref('stg_node_results') }} as nodes
    union
    select
        definitions.run_key,
        definitions.metric_id
    from {{ ref('stg_metric_definitions') }} as definitions
)

select
    cast(run_metrics.run_key as text) as run_key,
    cast(run_metrics.metric_id as text) as metric_id,
    cast(coalesce(definitions.display_name, catalog.display_name, run_metrics.metric_id) as text) as display_name,
    cast(coalesce(definitions.description, catalog.description) as text) as description,
    -- A metric nobody placed is Other: counting it as Efficiency would hide safety findings there.
    cast(
        case
            when definitions.domain in ('Efficiency', 'Safety', 'Effectiveness', 'Utilization') then definitions.domain
            when catalog.domain in ('Efficiency', 'Safety', 'Effectiveness', 'Utilization') then catalog.domain
            else 'Other'
        end as text
    ) as domain,
    cast(coalesce(definitions.polarity, catalog.polarity) as text) as polarity,
    cast(coalesce(definitions.unit_type, catalog.unit) as text) as unit_type,
    cast(definitions.display_format as text) as display_format
from run_metrics
left join {{ ref('stg_metric_definitions') }} as definitions
    on run_metrics.run_key = definitions.run_key and run_metrics.metric_id = definitions.metric_id
left join {{ ref('metric_catalog') }} as catalog
    on run_metrics.metric_id = catalog.metric_id
