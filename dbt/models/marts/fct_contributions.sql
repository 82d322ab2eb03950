{{ config(
    indexes=[
        {"columns": ["run_key", "parent_entity_key"]},
        {"columns": ["run_key", "child_entity_key"]},
    ]
) }}

with contributions as (
    select
        rows_of_run.*,
        abs(rows_of_run.excess_over_parent) as abs_excess,
        sum(rows_of_run.weight_share) over (
            partition by
                rows_of_run.run_key,
                rows_of_run.parent_entity_key,
                rows_of_run.child_node_id,
                rows_of_run.metric_id
        ) as sibling_weight_share_sum,
        row_number() over (
            partition by
                rows_of_run.run_key,
                rows_of_run.parent_entity_key,
                rows_of_run.child_node_id,
                rows_of_run.metric_id
            order by abs(rows_of_run.excess_over_parent) desc nulls last, rows_of_run.child_entity
        ) as contribution_rank
    from {{ ref('stg_contributions') }} as rows_of_run
)

select
    cast(contributions.run_key as text) as run_key,
    cast(contributions.run_id as text) as run_id,
    cast(runs.graph_name as text) as graph_name,
    cast(contributions.metric_id as text) as metric_id,
    cast(contributions.node_metric_id as text) as node_metric_id,
    cast(contributions.metric_id = contributions.node_metric_id as boolean) as is_node_metric,
    cast(contributions.method as text) as method,
    cast(contributions.parent_node_id as text) as parent_node_id,
    cast(contributions.child_node_id as text) as child_node_id,
    cast(contributions.facility_id as text) as facility_id,
    cast(contributions.parent_entity as text) as parent_entity,
    cast(contributions.child_entity as text) as child_entity,
    cast(contributions.parent_dimensions_hash as text) as parent_dimensions_hash,
    cast(contributions.child_dimensions_hash as text) as child_dimensions_hash,
    cast(contributions.parent_entity_key as text) as parent_entity_key,
    cast(contributions.child_entity_key as text) as child_entity_key,
    cast(contributions.child_value as double precision) as child_value,
    cast(contributions.parent_value as double precision) as parent_value,
    cast(contributions.weight_field as text) as weight_field,
    cast(contributions.weight_value as double precision) as weight_value,
    cast(contributions.weight_share as double precision) as weight_share,
    cast(contributions.contribution_value as double precision) as contribution_value,
    cast(contributions.raw_component as double precision) as raw_component,
    cast(contributions.excess_over_parent as double precision) as excess_over_parent,
    cast(
        case
            when contributions.excess_over_parent > 0 then 'positive'
            when contributions.excess_over_parent < 0 then 'negative'
            else 'neutral'
        end as text
    ) as contribution_direction,
    cast(contributions.abs_excess as double precision) as abs_excess,
    cast(contributions.contribution_rank as bigint) as contribution_rank,
    cast(contributions.sibling_weight_share_sum as double precision) as sibling_weight_share_sum,
    cast(abs(contributions.sibling_weight_share_sum - 1) <= 0.01 as boolean) as weight_share_valid,
    cast(contributions.source_file as text) as source_file,
    cast(contributions.line_number as bigint) as line_number,
    cast(parents.service_line as text) as parent_service_line,
    cast(children.service_line as text) as child_service_line,
    cast(children.sub_service_line as text) as child_sub_service_line,
    cast(runs.loaded_at as timestamptz) as loaded_at
from contributions
inner join {{ ref('stg_runs') }} as runs
    on contributions.run_key = runs.run_key
left join {{ ref('stg_entity_results') }} as parents
    on {{ same_in_run('contributions', 'parent_entity_key', 'parents', 'entity_key') }}
left join {{ ref('stg_entity_results') }} as children
    on {{ same_in_run('contributions', 'child_entity_key', 'children', 'entity_key') }}
