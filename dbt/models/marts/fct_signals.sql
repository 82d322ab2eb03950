{{ config(indexes=[{"columns": ["run_key", "entity_key"], "unique": true}]) }}

with facets as (
    -- One row a facet and method (tested on staging), so that max() picks and never merges.
    select
        statistics.run_key,
        statistics.canonical_node_id,
        statistics.facet_dimensions_hash,
        coalesce(
            max(statistics.global_metric_mean) filter (where statistics.method_name = 'simple_zscore'),
            max(statistics.global_metric_mean) filter (where statistics.method_name = 'robust_zscore')
        ) as global_metric_mean,
        max(statistics.global_metric_std) filter (where statistics.method_name = 'simple_zscore') as global_metric_std
    from {{ ref('stg_global_statistics') }} as statistics
    where statistics.method_name in ('simple_zscore', 'robust_zscore')
    group by statistics.run_key, statistics.canonical_node_id, statistics.facet_dimensions_hash
),

temporal as (
    select
        statistics.*,
        entity_results.timeline,
        entity_results.metadata_per_period,
        nodes.percentile_trends
    from {{ ref('int_temporal_entity_stats') }} as statistics
    inner join {{ ref('stg_entity_results') }} as entity_results
        on {{ same_in_run('statistics', 'temporal_entity_key', 'entity_results', 'entity_key') }}
    inner join {{ ref('stg_node_results') }} as nodes
        on {{ same_in_run('statistics', 'temporal_node_id', 'nodes', 'canonical_node_id') }}
    where {{ in_build_scope('statistics') }}
),

-- Only entities of aggregate nodes have a row here.
methods as (
    select method_statistics.*
    from {{ ref('int_statistical_methods_agg') }} as method_statistics
    where {{ in_build_scope('method_statistics') }} and method_statistics.has_unsuppressed_method
),

labels as (
    select anomaly_labels.*
    from {{ ref('int_anomaly_labels') }} as anomaly_labels
    where {{ in_build_scope('anomaly_labels') }}
)

select
    cast(entities.run_key as text) as run_key,
    cast(entities.run_id as text) as run_id,
    cast(runs.graph_name as text) as graph_name,
    cast(entities.entity_key as text) as entity_key,
    cast(entities.metric_id as text) as metric_id,
    cast(entities.canonical_node_id as text) as canonical_node_id,
    cast(entities.facility_id as text) as facility_id,
    cast(entities.entity_dimensions_hash as text) as entity_dimensions_hash,
    cast(entities.entity_dimensions as text) as entity_dimensions,
    cast(entities.groupby_label as text) as groupby_label,
    cast(entities.group_value as text) as group_value,
    cast(coalesce(nullif(entities.facility_name, ''), facilities.facility_name, entities.facility_id) as text) as facility,
    cast(entities.system_name as text) as system_name,
    cast(coalesce(nullif(entities.service_line, ''), 'Facility-wide') as text) as service_line,
    cast(entities.sub_service_line as text) as sub_service_line,
    cast(coalesce(metrics.domain, 'Other') as text) as domain,
    cast(coalesce(metrics.display_name, entities.metric_id) as text) as metric_name,
    cast(metrics.polarity as text) as polarity,
    cast(metrics.unit_type as text) as unit_type,
    cast(
        classifications.signal_type || ' (severity: ' || cast(classifications.severity as text) || ')' as text
    ) as description,
    cast(entities.metric_value as double precision) as metric_value,
    cast(coalesce(facets.global_metric_mean, methods.peer_mean) as double precision) as benchmark,
    cast(methods.peer_mean as double precision) as peer_mean,
    cast(methods.peer_std as double precision) as peer_std,
    cast(methods.peer_count as bigint) as peer_count,
    cast(methods.percentile_rank as double precision) as percentile_rank,
    cast(entities.encounters as bigint) as encounters,
    cast(facets.global_metric_mean as double precision) as global_metric_mean,
    cast(facets.global_metric_std as double precision) as global_metric_std,
    cast(methods.simple_zscore as double precision) as simple_zscore,
    cast(methods.robust_zscore as double precision) as robust_zscore,
    cast(temporal.latest_simple_zscore as double precision) as latest_simple_zscore,
    cast(temporal.mean_simple_zscore as double precision) as mean_simple_zscore,
    cast(temporal.latest_robust_zscore as double precision) as latest_robust_zscore,
    cast(temporal.mean_robust_zscore as double precision) as mean_robust_zscore,
    cast(labels.simple_zscore_anomaly as text) as simple_zscore_anomaly,
    cast(labels.robust_zscore_anomaly as text) as robust_zscore_anomaly,
    cast(labels.latest_simple_zscore_anomaly as text) as latest_simple_zscore_anomaly,
    cast(labels.mean_simple_zscore_anomaly as text) as mean_simple_zscore_anomaly,
    cast(labels.latest_robust_zscore_anomaly as text) as latest_robust_zscore_anomaly,
    cast(labels.mean_robust_zscore_anomaly as text) as mean_robust_zscore_anomaly,
    cast(labels.slope_anomaly as text) as slope_anomaly,
    cast(temporal.slope as double precision) as slope,
    cast(temporal.slope_percentile as double precision) as slope_percentile,
    cast(temporal.acceleration as double precision) as acceleration,
    cast(temporal.trend_direction as text) as trend_direction,
    cast(temporal.momentum as text) as momentum,
    cast(temporal.monthly_z_scores as text) as monthly_z_scores,
    cast(temporal.monthly_z_score_method as text) as monthly_z_score_method,
    cast(temporal.temporal_node_id as text) as temporal_node_id,
    cast(temporal.timeline as text) as metric_trend_timeline,
    cast(entities.metadata as text) as metadata,
    cast(temporal.metadata_per_period as text) as metadata_per_period,
    cast(temporal.percentile_trends as text) as peer_percentile_trends,
    cast(classifications.signal_type as text) as simplified_signal_type,
    cast(classifications.severity as bigint) as simplified_severity,
    cast(classifications.severity_range_min as bigint) as simplified_severity_min,
    cast(classifications.severity_range_max as bigint) as simplified_severity_max,
    cast(classifications.inputs as text) as simplified_inputs,
    cast(classifications.derived_indicators as text) as simplified_indicators,
    cast(classifications.classification_reasoning as text) as simplified_reasoning,
    cast(classifications.severity_calculation as text) as simplified_severity_calculation,
    cast(classifications.magnitude_tier as text) as magnitude_tier,
    cast(classifications.trajectory_tier as text) as trajectory_tier,
    cast(classifications.consistency_tier as text) as consistency_tier,
    cast(classifications.coefficient_of_variation as double precision) as coefficient_of_variation,
    cast(classifications.period_count as bigint) as classified_period_count,
    cast(entities.source_file as text) as source_file,
    cast(entities.line_number as bigint) as line_number,
    cast(runs.loaded_at as timestamptz) as loaded_at
from {{ ref('stg_entity_results') }} as entities
inner join {{ ref('stg_classifications') }} as classifications on {{ same_entity('entities', 'classifications') }}
inner join methods on {{ same_entity('entities', 'methods') }}
inner join {{ ref('stg_runs') }} as runs on entities.run_key = runs.run_key
left join temporal on {{ same_entity('entities', 'temporal') }}
left join labels on {{ same_entity('entities', 'labels') }}
left join facets
    on
        entities.run_key = facets.run_key
        and entities.canonical_node_id = facets.canonical_node_id
        and entities.entity_dimensions_hash = facets.facet_dimensions_hash
left join {{ ref('int_metrics') }} as metrics
    on entities.run_key = metrics.run_key and entities.metric_id = metrics.metric_id
left join {{ ref('ref_facilities') }} as facilities on entities.facility_id = facilities.facility_id
where entities.metric_value is not null and not classifications.suppressed
