select
    anomalies.run_key,
    anomalies.run_id,
    anomalies.entity_key,
    anomalies.canonical_node_id,
    anomalies.statistical_method,
    anomalies.anomaly_profile,
    anomalies.anomaly_method,
    -- Older documents leave it out: the statistic then has the method's name.
    coalesce(
        anomalies.applies_to,
        split_part(replace(anomalies.statistical_method, 'statistical_method__', ''), '__', 1)
    ) as applies_to,
    anomalies.anomaly,
    anomalies.statistic_value,
    anomalies.template_id,
    anomalies.rendered,
    anomalies.source_file,
    anomalies.line_number,
    anomalies.loaded_at
from {{ source('raw', 'raw_anomalies') }} as anomalies
where {{ in_build_scope('anomalies') }}
