{{ config(indexes=[{"columns": ["run_key", "entity_key"], "unique": true}]) }}

with trends as (
    -- A node may trend to months, quarters and years: the months are the ones people look at.
    select
        edges.run_key,
        edges.source_node_id,
        edges.target_node_id,
        row_number() over (
            partition by edges.run_key, edges.source_node_id
            order by
                case when targets.time_grain in ('dischargeMonth', 'month') then 0 else 1 end,
                edges.target_node_id
        ) as preference
    from {{ ref('stg_node_edges') }} as edges
    inner join {{ ref('stg_node_results') }} as sources
        on {{ same_in_run('edges', 'source_node_id', 'sources', 'canonical_node_id') }}
    inner join {{ ref('stg_node_results') }} as targets
        on {{ same_in_run('edges', 'target_node_id', 'targets', 'canonical_node_id') }}
    where
        edges.edge_type = 'trends_to'
        and sources.time_grain = 'aggregate_time_period'
        and targets.time_grain <> 'aggregate_time_period'
),

temporal_statistics as (
    -- One row a method and entity (tested on staging), so that max() picks and never merges.
    select
        methods.run_key,
        methods.entity_key,
        max(methods.latest_simple_zscore) filter (where methods.method_name = 'trending_simple_zscore') as latest_simple_zscore,
        max(methods.mean_simple_zscore) filter (where methods.method_name = 'trending_simple_zscore') as mean_simple_zscore,
        max(methods.per_period_simple_zscores) filter (where methods.method_name = 'trending_simple_zscore') as per_period_simple_zscores,
        max(methods.latest_robust_zscore) filter (where methods.method_name = 'trending_robust_zscore') as latest_robust_zscore,
        max(methods.mean_robust_zscore) filter (where methods.method_name = 'trending_robust_zscore') as mean_robust_zscore,
        max(methods.per_period_robust_zscores) filter (where methods.method_name = 'trending_robust_zscore') as per_period_robust_zscores,
        max(methods.slope) filter (where methods.method_name = 'slope_percentile') as slope,
        max(methods.slope_percentile) filter (where methods.method_name = 'slope_percentile') as slope_percentile,
        max(methods.acceleration) filter (where methods.method_name = 'slope_percentile') as acceleration,
        max(methods.trend_direction) filter (where methods.method_name = 'slope_percentile') as trend_direction,
        max(methods.momentum) filter (where methods.method_name = 'slope_percentile') as momentum
    from {{ ref('stg_statistical_methods') }} as methods
    where
        not methods.suppressed
        and methods.method_name in ('trending_simple_zscore', 'trending_robust_zscore', 'slope_percentile')
    group by methods.run_key, methods.entity_key
)

select
    cast(entities.run_key as text) as run_key,
    cast(entities.entity_key as text) as entity_key,
    cast(temporal.canonical_node_id as text) as temporal_node_id,
    cast(temporal.entity_key as text) as temporal_entity_key,
    cast(statistics.latest_simple_zscore as double precision) as latest_simple_zscore,
    cast(statistics.mean_simple_zscore as double precision) as mean_simple_zscore,
    cast(statistics.latest_robust_zscore as double precision) as latest_robust_zscore,
    cast(statistics.mean_robust_zscore as double precision) as mean_robust_zscore,
    cast(statistics.slope as double precision) as slope,
    cast(statistics.slope_percentile as double precision) as slope_percentile,
    cast(statistics.acceleration as double precision) as acceleration,
    cast(statistics.trend_direction as text) as trend_direction,
    cast(statistics.momentum as text) as momentum,
    cast(coalesce(statistics.per_period_simple_zscores, statistics.per_period_robust_zscores) as text) as monthly_z_scores,
    cast(
        case
            when statistics.per_period_simple_zscores is not null then 'simple'
            when statistics.per_period_robust_zscores is not null then 'robust'
        end as text
    ) as monthly_z_score_method
from trends
inner join {{ ref('stg_entity_results') }} as entities
    on {{ same_in_run('trends', 'source_node_id', 'entities', 'canonical_node_id') }}
-- In one comparison, as in same_in_run and for the same reason.
inner join {{ ref('stg_entity_results') }} as temporal
    on
        entities.run_key || '/' || entities.metric_id || '/' || entities.facility_id || '/' || entities.entity_dimensions_hash
        = temporal.run_key || '/' || temporal.metric_id || '/' || temporal.facility_id || '/' || temporal.entity_dimensions_hash
        and trends.target_node_id = temporal.canonical_node_id
left join temporal_statistics as statistics on {{ same_entity('temporal', 'statistics') }}
where trends.preference = 1
