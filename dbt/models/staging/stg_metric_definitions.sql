select
    metrics.run_key,
    metrics.run_id,
    metrics.metric_id,
    metrics.display_name,
    metrics.description,
    metrics.domain,
    metrics.polarity,
    metrics.unit_type,
    metrics.display_format,
    metrics.null_fill_value,
    metrics.source_file,
    metrics.line_number,
    metrics.loaded_at
from {{ source('raw', 'raw_metric_definitions') }} as metrics
where {{ in_build_scope('metrics') }}
