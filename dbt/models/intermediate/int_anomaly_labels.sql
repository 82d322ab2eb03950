{{ config(indexes=[{"columns": ["run_key", "entity_key"], "unique": true}]) }}

-- Whose label it becomes: an entity of an aggregate node has its own labels and those of the
-- temporal entity it trends to.
with owners as (
    select
        entities.run_key,
        entities.entity_key,
        entities.entity_key as labelled_entity_key
    from {{ ref('stg_entity_results') }} as entities
    inner join {{ ref('stg_node_results') }} as nodes on {{ same_node('entities', 'nodes') }}
    where nodes.time_grain = 'aggregate_time_period'
    union all
    select
        temporal.run_key,
        temporal.entity_key,
        temporal.temporal_entity_key as labelled_entity_key
    from {{ ref('int_temporal_entity_stats') }} as temporal
    where {{ in_build_scope('temporal') }}
)

-- One rule a statistic and entity (tested on staging), so that max() picks and never compares labels.
select
    cast(owners.run_key as text) as run_key,
    cast(owners.entity_key as text) as entity_key,
    cast(max(anomalies.anomaly) filter (where anomalies.applies_to = 'simple_zscore') as text) as simple_zscore_anomaly,
    cast(max(anomalies.anomaly) filter (where anomalies.applies_to = 'robust_zscore') as text) as robust_zscore_anomaly,
    cast(max(anomalies.anomaly) filter (where anomalies.applies_to = 'latest_simple_zscore') as text) as latest_simple_zscore_anomaly,
    cast(max(anomalies.anomaly) filter (where anomalies.applies_to = 'mean_simple_zscore') as text) as mean_simple_zscore_anomaly,
    cast(max(anomalies.anomaly) filter (where anomalies.applies_to = 'latest_robust_zscore') as text) as latest_robust_zscore_anomaly,
    cast(max(anomalies.anomaly) filter (where anomalies.applies_to = 'mean_robust_zscore') as text) as mean_robust_zscore_anomaly,
    cast(max(anomalies.anomaly) filter (where anomalies.applies_to = 'slope_percentile') as text) as slope_anomaly
from owners
left join {{ ref('stg_anomalies') }} as anomalies
    on {{ same_in_run('owners', 'labelled_entity_key', 'anomalies', 'entity_key') }}
group by owners.run_key, owners.entity_key
