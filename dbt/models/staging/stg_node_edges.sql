select
    edges.run_key,
    edges.run_id,
    edges.edge_id,
    edges.source_node_id,
    edges.target_node_id,
    edges.edge_type,
    case edges.edge_type
        when 'potential_driver_of' then 'potentially_driven_by'
        when 'drills_to' then 'segments_into'
        else edges.edge_type
    end as edge_type_normalized,
    edges.direction,
    edges.rationale,
    edges.conditions,
    edges.source_file,
    edges.line_number,
    edges.loaded_at
from {{ source('raw', 'raw_node_edges') }} as edges
where {{ in_build_scope('edges') }}
