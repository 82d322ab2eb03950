select
    runs.run_key,
    runs.run_id,
    runs.graph_name,
    runs.created_at,
    runs.started_at,
    runs.taxonomy_hash,
    runs.metadata_bundle_version,
    runs.node_count,
    runs.edge_count,
    runs.source_file,
    runs.line_number,
    runs.loaded_at
from {{ source('raw', 'raw_runs') }} as runs
where {{ in_build_scope('runs') }}
