select
    anomalies.run_key,
    anomalies.run_id,
    anomalies.entity_key,
    anomalies.canonical_node_id,
    anomalies.statistical_method,
    anomalies.anomaly_profile,
    anomalies.anomaly_method,
    coalesce(
        anomalies.applies_to,
        -- Older documents leave it out; method and rule then say it.
        case split_part(replace(anomalies.statistical_method, 'statistical_method__', ''), '__', 1)
            when 'simple_zscore' then 'simple_zscore'
            when 'robust_zscore' then 'robust_zscore'
            when 'slope_percentile' then 'slope_percentile'
            when 'trending_simple_zscore'
                then case when anomalies.anomaly_method like '%mean%' then 'mean_simple_zscore' else 'latest_simple_zscore' end
            when 'trending_robust_zscore'
                then case when anomalies.anomaly_method like '%mean%' then 'mean_robust_zscore' else 'latest_robust_zscore' end
        end
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
