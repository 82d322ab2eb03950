-- What a signal shows over time comes from a node its own node trends to, in the same run.
select
    signals.run_key,
    signals.canonical_node_id,
    signals.temporal_node_id
from {{ ref('fct_signals') }} as signals
where {{ in_build_scope('signals') }} and signals.temporal_node_id is not null
except
select
    edges.run_key,
    edges.source_node_id,
    edges.target_node_id
from {{ ref('fct_node_edges') }} as edges
where edges.edge_type = 'trends_to'
