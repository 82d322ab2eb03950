-- A signal is measured against its own facet wherever the node's header has it, by the simple method first.
select
    signals.run_key,
    signals.entity_key,
    signals.benchmark,
    facets.global_metric_mean
from {{ ref('fct_signals') }} as signals
inner join {{ ref('stg_global_statistics') }} as facets
    on
        signals.run_key = facets.run_key
        and signals.canonical_node_id = facets.canonical_node_id
        and signals.entity_dimensions_hash = facets.facet_dimensions_hash
where
    {{ in_build_scope('signals') }}
    and facets.method_name = 'simple_zscore'
    and facets.global_metric_mean is not null
    and signals.benchmark is distinct from facets.global_metric_mean
