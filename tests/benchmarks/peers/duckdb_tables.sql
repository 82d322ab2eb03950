-- The big tables of a run as DuckDB alone makes them: read_json with explicit columns, and UNNEST.
-- Nothing is checked; line numbers, encounters of timelines and the small families are left out.

create macro dimensions(entity) as
    cast(to_json(map_from_entries(list_filter(map_entries(entity), lambda each: each.key <> 'medicareId'))) as varchar);

create macro entity_key(metric, node, entity) as
    md5(concat_ws('|', 'graph', metric, node, entity['medicareId'], md5(dimensions(entity))));

create table entities as
with lines as (
    select *,
        parse_filename(filename, true) as node,
        map_from_entries(list_transform(entity, lambda item: {'key': item.id, 'value': item.value})) as items
    from read_json(getvariable('run') || '/results/nodes/*.jsonl', format = 'newline_delimited', filename = true,
        maximum_object_size = 33554432, columns = {
        type: 'varchar',
        entity: 'struct(id varchar, value varchar, dataset_field varchar)[]',
        metric: 'struct(metadata struct(metric_id varchar), values json, temporal_runtime struct(
            observed_count bigint, missing_count bigint, coverage_ratio double, fill_strategy varchar))[]',
        metadata: 'json',
        statistical_methods: 'struct(
            statistical_method varchar,
            statistics struct(
                suppressed boolean, simple_zscore double, robust_zscore double, peer_mean double, peer_std double,
                percentile_rank double, mean_simple_zscore double, latest_simple_zscore double,
                mean_robust_zscore double, latest_robust_zscore double, peer_median double, peer_mad double,
                observations bigint, periods bigint, latest_period varchar, winsor_applied boolean,
                slope double, slope_weighted double, acceleration double, end_start_delta double,
                period_count bigint, trend_direction varchar, momentum varchar, slope_percentile double,
                per_period_simple_zscores double[], per_period_robust_zscores double[]),
            anomalies struct(anomaly_profile varchar, methods struct(
                anomaly_method varchar, anomaly varchar, statistic_value double, applies_to varchar,
                interpretation struct(template_id varchar, rendered varchar))[])[],
            runtime json)[]'
    })
    where type is distinct from 'node_metadata'
)
select
    entity_key(metric[1].metadata.metric_id, node, items) as entity_key,
    node,
    metric[1].metadata.metric_id as metric_id,
    items['medicareId'] as facility_id,
    dimensions(items) as dimensions,
    md5(dimensions(items)) as dimensions_hash,
    items['vizientServiceLine'] as service_line,
    items['vizientSubServiceLine'] as sub_service_line,
    metadata ->> 'facility' as facility_name,
    metadata ->> 'systemName' as system_name,
    try_cast(metadata ->> 'encounters' as double) as encounters,
    to_json(entity) as entity,
    try_cast(metric[1].values as double) as metric_value,
    metric[1].values -> 'timeline' as timeline,
    unnest(metric[1].temporal_runtime),
    metadata,
    metadata -> 'per_period' as metadata_per_period,
    statistical_methods
from lines;

create table statistical_methods as
select
    entity_key,
    node,
    method.statistical_method as statistical_method,
    split_part(method.statistical_method, '__', 2) as method_name,
    unnest(method.statistics),
    method.runtime ->> 'status' as runtime_status,
    try_cast(method.runtime -> 'anomaly_statistics' ->> 'peer_count' as bigint) as peer_count,
    method.runtime as runtime,
    method.anomalies as anomalies
from (select entity_key, node, unnest(statistical_methods) as method from entities);

create table anomalies as
select entity_key, node, statistical_method, anomaly_profile, unnest(rule, recursive := true)
from (
    select entity_key, node, statistical_method, profile.anomaly_profile as anomaly_profile,
        unnest(profile.methods) as rule
    from (select entity_key, node, statistical_method, unnest(anomalies) as profile from statistical_methods)
);

create table classifications as
select
    entity_key(metric_id, node_id, entity_key) as signal_key,
    dimensions(entity_key) as dimensions,
    md5(dimensions(entity_key)) as dimensions_hash,
    unnest(inputs),
    unnest(derived_indicators),
    *
from read_json(getvariable('run') || '/analysis/classification/classifications.jsonl',
    format = 'newline_delimited', columns = {
    node_id: 'varchar',
    entity_key: 'map(varchar, varchar)',
    metric_id: 'varchar',
    signal_type: 'varchar',
    severity: 'bigint',
    severity_range: 'bigint[]',
    inputs: 'struct(aggregate_zscore double, slope_percentile double, acceleration double, zscore_std double,
        max_abs_deviation double)',
    derived_indicators: 'struct(position varchar, trend varchar, momentum varchar, consistency varchar,
        has_spike boolean)',
    classification_reasoning: 'varchar',
    severity_calculation: 'json',
    suppressed: 'boolean',
    period_count: 'bigint',
    magnitude_tier: 'varchar',
    trajectory_tier: 'varchar',
    consistency_tier: 'varchar',
    coefficient_of_variation: 'double',
    timestamp: 'varchar'
});

create table contributions as
select
    entity_key(metric_id, parent_node_id, parent_entity) as parent_key,
    entity_key(metric_id, child_node_id, child_entity) as child_key,
    md5(dimensions(parent_entity)) as parent_dimensions_hash,
    md5(dimensions(child_entity)) as child_dimensions_hash,
    *
from read_json(getvariable('run') || '/analysis/contribution/*.jsonl', format = 'newline_delimited', columns = {
    parent_node_id: 'varchar',
    child_node_id: 'varchar',
    parent_entity: 'map(varchar, varchar)',
    child_entity: 'map(varchar, varchar)',
    metric_id: 'varchar',
    method: 'varchar',
    child_value: 'double',
    parent_value: 'double',
    weight_field: 'varchar',
    weight_value: 'double',
    weight_share: 'double',
    weighted_child_value: 'double',
    contribution_value: 'double',
    raw_component: 'double',
    excess_over_parent: 'double',
    parent_statistics: 'json',
    assumptions: 'json',
    fallbacks: 'json',
    missing_inputs: 'json',
    timestamp: 'varchar'
});
