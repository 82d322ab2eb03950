{{ config(indexes=[{"columns": ["run_key", "metric_id"], "unique": true}]) }}

with nodes as (
    select
        node_results.run_key,
        node_results.metric_id,
        count(*) as node_count
    from {{ ref('stg_node_results') }} as node_results
    group by node_results.run_key, node_results.metric_id
),

signals as (
    select
        fct.run_key,
        fct.metric_id,
        count(*) as signal_count
    from {{ ref('fct_signals') }} as fct
    where {{ in_build_scope('fct') }}
    group by fct.run_key, fct.metric_id
)

select
    cast(metrics.run_key as text) as run_key,
    cast(metrics.metric_id as text) as metric_id,
    cast(metrics.display_name as text) as display_name,
    cast(metrics.description as text) as description,
    cast(metrics.domain as text) as domain,
    cast(metrics.polarity as text) as polarity,
    cast(metrics.unit_type as text) as unit_type,
    cast(metrics.display_format as text) as display_format,
    cast(coalesce(nodes.node_count, 0) as bigint) as node_count,
    cast(coalesce(signals.signal_count, 0) as bigint) as signal_count
from {{ ref('int_metrics') }} as metrics
left join nodes
    on metrics.run_key = nodes.run_key and metrics.metric_id = nodes.metric_id
left join signals
    on metrics.run_key = signals.run_key and metrics.metric_id = signals.metric_id
where {{ in_build_scope('metrics') }}
