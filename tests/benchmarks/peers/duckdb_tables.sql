-- The big tables of a run as DuckDB alone makes them, every column of them but the run's own: read_json with
-- explicit columns, and UNNEST. Nothing is checked, and the small families are left out.
--
-- Tables keep the order of what they were read from, so `rowid` numbers the lines of files once they are tables:
-- a window, or a table of lines read first, would have DuckDB work on one core for longer.

create macro others(entity) as
    list_filter(map_entries(entity), lambda each: each.key <> 'medicareId' and each.key <> 'systemName');

-- The text that PostgreSQL prints for jsonb: keys by length, then bytes.
create macro canonical(entries) as
    '{' || array_to_string(list_transform(
        list_sort(list_transform(entries, lambda each: {'n': strlen(each.key), 'k': each.key, 'v': each.value})),
        lambda each: to_json(each.k)::varchar || ': ' || to_json(each.v)::varchar), ', ') || '}';

create macro in_order(entries) as
    list_sort(list_transform(entries, lambda each: {'n': strlen(each.key), 'k': each.key, 'v': each.value}));

create macro labels(entries) as coalesce(nullif(array_to_string(list_transform(in_order(entries),
    lambda each: map {
        'vizientServiceLine': 'Service Line', 'vizientSubServiceLine': 'Sub-Service Line',
        'admissionStatus': 'Admission Status', 'admissionSource': 'Admission Source',
        'dischargeStatus': 'Discharge Status', 'payerSegment': 'Payer Segment'
    }[each.k]), ' / '), ''), 'Facility-wide');

create macro group_values(entries) as coalesce(nullif(array_to_string(
    list_transform(in_order(entries), lambda each: each.v), ' / '), ''), 'Facility-wide');

create macro entity_key(metric, node, facility, dimensions_hash) as
    md5('["' || getvariable('graph') || '", "' || metric || '", "' || node || '", "' || facility || '", "'
        || dimensions_hash || '"]');

create macro method_of(id) as split_part(id, '__', 2);

create macro in_run(file) as replace(file, getvariable('run') || '/', '');

create table entities as
with keyed as (
    select *,
        parse_filename(filename, true) as node,
        map_from_entries(list_transform(entity, lambda item: {'key': item.id, 'value': item.value})) as items,
        others(items) as entries,
        canonical(entries) as dimensions,
        md5(dimensions) as dimensions_hash,
        from_json(metadata, '{"encounters": "DOUBLE", "facility": "VARCHAR", "systemName": "VARCHAR",
            "per_period": "JSON"}') as described,
        from_json(described['per_period'], '{"encounters": [{"period": "VARCHAR", "value": "DOUBLE"}]}') as monthly,
        from_json(case when json_type(metric[1].values) = 'OBJECT' then metric[1].values end,
            '{"timeline": [{"period": "VARCHAR", "value": "DOUBLE"}]}') as timed,
        map_from_entries(list_transform(monthly['encounters'],
            lambda point: {'key': replace(point.period, '-', ''), 'value': cast(point.value as bigint)})) as encountered
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
                per_period_simple_zscores json, per_period_robust_zscores json),
            anomalies struct(anomaly_profile varchar, methods struct(
                anomaly_method varchar, anomaly varchar, statistic_value double, applies_to varchar,
                interpretation struct(template_id varchar, rendered varchar))[])[],
            runtime json)[]'
    })
)
select
    entity_key(metric[1].metadata.metric_id, node, items['medicareId'], dimensions_hash) as entity_key,
    node as canonical_node_id,
    metric[1].metadata.metric_id as metric_id,
    items['medicareId'] as facility_id,
    described.facility as facility_name,
    coalesce(described.systemName, items['systemName']) as system_name,
    to_json(entity) as entity,
    dimensions as entity_dimensions,
    dimensions_hash as entity_dimensions_hash,
    items['vizientServiceLine'] as service_line,
    items['vizientSubServiceLine'] as sub_service_line,
    labels(entries) as groupby_label,
    group_values(entries) as group_value,
    case when timed is null then try_cast(metric[1].values as double) end as metric_value,
    to_json(list_transform(timed.timeline, lambda point: {
        'period': point.period, 'value': point.value, 'encounters': encountered[replace(point.period, '-', '')]
    })) as timeline,
    len(timed.timeline) as timeline_length,
    metric[1].temporal_runtime.observed_count as observed_count,
    metric[1].temporal_runtime.missing_count as missing_count,
    metric[1].temporal_runtime.coverage_ratio as coverage_ratio,
    metric[1].temporal_runtime.fill_strategy as fill_strategy,
    described.encounters as encounters,
    json_merge_patch(metadata, '{"per_period": null}') as metadata,
    described.per_period as metadata_per_period,
    in_run(filename) as source_file,
    statistical_methods,
    type is not distinct from 'node_metadata' as is_header
from keyed;

alter table entities add column line_number bigint;

update entities set line_number = entities.rowid - begins.place + 1
from (select source_file, min(rowid) as place from entities group by source_file) as begins
where begins.source_file = entities.source_file;

delete from entities where is_header;

alter table entities drop column is_header;

create table statistical_methods as
select
    entity_key,
    canonical_node_id,
    method.statistical_method as statistical_method,
    method_of(method.statistical_method) as method_name,
    unnest(method.statistics),
    try_cast(method.runtime -> 'anomaly_statistics' ->> 'peer_count' as bigint) as peer_count,
    method.runtime ->> 'status' as runtime_status,
    method.runtime as runtime,
    source_file,
    line_number,
    method.anomalies as anomalies
from (
    select entity_key, canonical_node_id, source_file, line_number, unnest(statistical_methods) as method
    from entities
);

alter table entities drop column statistical_methods;

create table anomalies as
select entity_key, canonical_node_id, statistical_method, anomaly_profile, rule.anomaly_method as anomaly_method,
    rule.applies_to as applies_to, rule.anomaly as anomaly, rule.statistic_value as statistic_value,
    rule.interpretation.template_id as template_id, rule.interpretation.rendered as rendered,
    source_file, line_number
from (
    select * exclude (profile), profile.anomaly_profile as anomaly_profile, unnest(profile.methods) as rule
    from (
        select entity_key, canonical_node_id, statistical_method, source_file, line_number,
            unnest(anomalies) as profile
        from statistical_methods
    )
);

alter table statistical_methods drop column anomalies;

create table classifications as
with keyed as (
    select *, others(entity_key) as entries,
        canonical(entries) as dimensions, md5(dimensions) as dimensions_hash,
        from_json(inputs, '{"aggregate_zscore": "DOUBLE", "slope_percentile": "DOUBLE", "acceleration": "DOUBLE",
            "zscore_std": "DOUBLE", "max_abs_deviation": "DOUBLE"}') as numbers,
        from_json(derived_indicators, '{"position": "VARCHAR", "trend": "VARCHAR", "momentum": "VARCHAR",
            "consistency": "VARCHAR", "has_spike": "BOOLEAN"}') as indicators
    from read_json(getvariable('run') || '/analysis/classification/classifications.jsonl',
        format = 'newline_delimited', columns = {
        node_id: 'varchar',
        entity_key: 'map(varchar, varchar)',
        metric_id: 'varchar',
        signal_type: 'varchar',
        severity: 'bigint',
        severity_range: 'bigint[]',
        inputs: 'json',
        derived_indicators: 'json',
        classification_reasoning: 'varchar',
        severity_calculation: 'json',
        suppressed: 'boolean',
        period_count: 'bigint',
        magnitude_tier: 'varchar',
        trajectory_tier: 'varchar',
        consistency_tier: 'varchar',
        coefficient_of_variation: 'double',
        timestamp: 'varchar'
    })
)
select
    entity_key(metric_id, node_id, keyed.entity_key['medicareId'], dimensions_hash) as entity_key,
    node_id as canonical_node_id,
    metric_id,
    keyed.entity_key['medicareId'] as facility_id,
    dimensions as entity_dimensions,
    dimensions_hash as entity_dimensions_hash,
    signal_type,
    severity,
    severity_range[1] as severity_range_min,
    severity_range[2] as severity_range_max,
    unnest(numbers),
    unnest(indicators),
    coalesce(suppressed, false) as suppressed,
    period_count,
    classification_reasoning,
    inputs,
    derived_indicators,
    severity_calculation,
    magnitude_tier,
    trajectory_tier,
    consistency_tier,
    coefficient_of_variation,
    timestamp as classified_at,
    'analysis/classification/classifications.jsonl' as source_file
from keyed;

alter table classifications add column line_number bigint;

update classifications set line_number = rowid + 1;

create table contributions as
with metrics as (select canonical_node_id, any_value(metric_id) as metric_id from entities group by 1),
keyed as (
    select *,
        md5(canonical(others(parent_entity))) as parent_dimensions_hash,
        md5(canonical(others(child_entity))) as child_dimensions_hash
    from read_json(getvariable('run') || '/analysis/contribution/*.jsonl', format = 'newline_delimited',
        filename = true, columns = {
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
        raw_component: 'double',
        contribution_value: 'double',
        excess_over_parent: 'double',
        parent_statistics: 'json',
        assumptions: 'json',
        fallbacks: 'json',
        missing_inputs: 'json',
        timestamp: 'varchar'
    })
)
select
    parent_node_id,
    child_node_id,
    keyed.metric_id,
    coalesce(child.metric_id, keyed.metric_id) as node_metric_id,
    method,
    parent_entity['medicareId'] as facility_id,
    canonical(map_entries(parent_entity)) as parent_entity,
    parent_dimensions_hash,
    entity_key(coalesce(parent.metric_id, keyed.metric_id), parent_node_id, keyed.parent_entity['medicareId'],
        parent_dimensions_hash) as parent_entity_key,
    canonical(map_entries(child_entity)) as child_entity,
    child_dimensions_hash,
    entity_key(coalesce(child.metric_id, keyed.metric_id), child_node_id,
        coalesce(keyed.child_entity['medicareId'], keyed.parent_entity['medicareId']),
        child_dimensions_hash) as child_entity_key,
    child_value,
    parent_value,
    weight_field,
    weight_value,
    weight_share,
    weighted_child_value,
    raw_component,
    contribution_value,
    excess_over_parent,
    parent_statistics,
    assumptions,
    fallbacks,
    missing_inputs,
    timestamp as computed_at,
    in_run(filename) as source_file
from keyed
left join metrics as parent on parent.canonical_node_id = parent_node_id
left join metrics as child on child.canonical_node_id = child_node_id;

alter table contributions add column line_number bigint;

update contributions set line_number = contributions.rowid - begins.place + 1
from (select source_file, min(rowid) as place from contributions group by source_file) as begins
where begins.source_file = contributions.source_file;
