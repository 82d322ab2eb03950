{{ config(indexes=[{"columns": ["run_key", "entity_key"], "unique": true}]) }}

-- One row a method and entity (tested on staging), so that max() picks and never merges.
with aggregate_methods as (
    select
        methods.*,
        methods.method_name = 'simple_zscore' and not methods.suppressed as is_simple,
        methods.method_name = 'robust_zscore' and not methods.suppressed as is_robust
    from {{ ref('stg_statistical_methods') }} as methods
    inner join {{ ref('stg_node_results') }} as nodes on {{ same_node('methods', 'nodes') }}
    where nodes.time_grain = 'aggregate_time_period'
)

select
    cast(methods.run_key as text) as run_key,
    cast(methods.entity_key as text) as entity_key,
    cast(max(methods.simple_zscore) filter (where methods.is_simple) as double precision) as simple_zscore,
    cast(max(methods.robust_zscore) filter (where methods.is_robust) as double precision) as robust_zscore,
    cast(max(methods.peer_mean) filter (where methods.is_simple) as double precision) as peer_mean,
    cast(max(methods.peer_std) filter (where methods.is_simple) as double precision) as peer_std,
    cast(
        coalesce(
            max(methods.peer_count) filter (where methods.is_simple),
            max(methods.peer_count) filter (where methods.is_robust)
        ) as bigint
    ) as peer_count,
    cast(
        coalesce(
            max(methods.percentile_rank) filter (where methods.is_simple),
            max(methods.percentile_rank) filter (where methods.is_robust)
        ) as double precision
    ) as percentile_rank,
    cast(bool_or(not methods.suppressed) as boolean) as has_unsuppressed_method
from aggregate_methods as methods
group by methods.run_key, methods.entity_key
