-- What a signal shows over time comes from a node its own node trends to, in the same run.
select
    signals.run_key,
    signals.entity_key,
    signals.temporal_node_id
from {{ ref('fct_signals') }} as signals
where
    {{ in_build_scope('signals') }}
    and signals.temporal_node_id is not null
    and not exists (
        select 1
        from {{ ref('fct_node_edges') }} as edges
        where
            edges.run_key = signals.run_key
            and edges.source_node_id = signals.canonical_node_id
            and edges.target_node_id = signals.temporal_node_id
            and edges.edge_type = 'trends_to'
    )
