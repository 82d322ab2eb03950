-- Exactly the entities that qualify are signals: none is lost in a join, none slips in. Said with
-- sets, apart from the joins of the model.
with qualifying as (
    select
        entities.run_key,
        entities.entity_key
    from {{ ref('stg_entity_results') }} as entities
    inner join {{ ref('stg_node_results') }} as nodes on {{ same_node('entities', 'nodes') }}
    where nodes.time_grain = 'aggregate_time_period' and entities.metric_value is not null
    intersect
    select
        classifications.run_key,
        classifications.entity_key
    from {{ ref('stg_classifications') }} as classifications
    where not classifications.suppressed
    intersect
    select
        methods.run_key,
        methods.entity_key
    from {{ ref('stg_statistical_methods') }} as methods
    where not methods.suppressed
),

signals as (
    select
        fct.run_key,
        fct.entity_key
    from {{ ref('fct_signals') }} as fct
    where {{ in_build_scope('fct') }}
),

missing as (
    select
        qualifying.run_key,
        qualifying.entity_key
    from qualifying
    except
    select
        signals.run_key,
        signals.entity_key
    from signals
),

unexpected as (
    select
        signals.run_key,
        signals.entity_key
    from signals
    except
    select
        qualifying.run_key,
        qualifying.entity_key
    from qualifying
)

select
    missing.run_key,
    missing.entity_key,
    'missing' as problem
from missing
union all
select
    unexpected.run_key,
    unexpected.entity_key,
    'unexpected' as problem
from unexpected
