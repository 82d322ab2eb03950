-- Exactly the entities that qualify are signals: none is lost in a join, none slips in. Written
-- from the definition, apart from the model's joins.
with qualifying as (
    select
        entities.run_key,
        entities.entity_key
    from {{ ref('stg_entity_results') }} as entities
    where
        entities.metric_value is not null
        and exists (
            select 1
            from {{ ref('stg_node_results') }} as nodes
            where
                nodes.run_key = entities.run_key
                and nodes.canonical_node_id = entities.canonical_node_id
                and nodes.time_grain = 'aggregate_time_period'
        )
        and exists (
            select 1
            from {{ ref('stg_classifications') }} as classifications
            where
                classifications.run_key = entities.run_key
                and classifications.entity_key = entities.entity_key
                and not classifications.suppressed
        )
        and exists (
            select 1
            from {{ ref('stg_statistical_methods') }} as methods
            where
                methods.run_key = entities.run_key
                and methods.entity_key = entities.entity_key
                and not methods.suppressed
        )
),

signals as (
    select
        fct.run_key,
        fct.entity_key
    from {{ ref('fct_signals') }} as fct
    where {{ in_build_scope('fct') }}
)

select
    coalesce(qualifying.run_key, signals.run_key) as run_key,
    coalesce(qualifying.entity_key, signals.entity_key) as entity_key,
    case when signals.entity_key is null then 'missing' else 'unexpected' end as problem
from qualifying
full outer join signals
    on qualifying.run_key = signals.run_key and qualifying.entity_key = signals.entity_key
where qualifying.entity_key is null or signals.entity_key is null
