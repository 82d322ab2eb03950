{{ config(
    indexes=[
        {"columns": ["run_key", "source_node_id", "target_node_id", "edge_type"], "unique": true},
        {"columns": ["run_key", "target_node_id"]},
    ]
) }}

select
    cast(edges.run_key as text) as run_key,
    cast(edges.run_id as text) as run_id,
    cast(runs.graph_name as text) as graph_name,
    cast(edges.edge_id as text) as edge_id,
    cast(edges.source_node_id as text) as source_node_id,
    cast(edges.target_node_id as text) as target_node_id,
    cast(edges.edge_type as text) as edge_type,
    cast(edges.edge_type_normalized as text) as edge_type_normalized,
    cast(edges.edge_type_normalized = 'segments_into' as boolean) as is_hierarchy,
    cast(edges.direction as text) as direction,
    cast(edges.rationale as text) as rationale
from {{ ref('stg_node_edges') }} as edges
inner join {{ ref('stg_runs') }} as runs
    on edges.run_key = runs.run_key
