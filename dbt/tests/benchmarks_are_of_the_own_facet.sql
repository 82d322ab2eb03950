-- Signals are measured against their own facet wherever the node's header has it, by the simple method first.
with figures as (
    select
        signals.run_key,
        signals.canonical_node_id,
        signals.entity_dimensions_hash as dimensions_hash,
        signals.benchmark,
        cast(null as double precision) as facet_mean
    from {{ ref('fct_signals') }} as signals
    where {{ in_build_scope('signals') }}
    union all
    select
        facets.run_key,
        facets.canonical_node_id,
        facets.facet_dimensions_hash as dimensions_hash,
        cast(null as double precision) as benchmark,
        facets.global_metric_mean as facet_mean
    from {{ ref('stg_global_statistics') }} as facets
    where facets.method_name = 'simple_zscore'
)

select
    figures.run_key,
    figures.canonical_node_id,
    figures.dimensions_hash,
    max(figures.facet_mean) as facet_mean,
    min(figures.benchmark) as least_benchmark,
    max(figures.benchmark) as greatest_benchmark
from figures
group by figures.run_key, figures.canonical_node_id, figures.dimensions_hash
having
    min(figures.benchmark) <> max(figures.facet_mean)
    or max(figures.benchmark) <> max(figures.facet_mean)
