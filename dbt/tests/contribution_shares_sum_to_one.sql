{{ config(severity='warn') }}
-- The shares of a parent's children make up the whole parent. A warning: a child without a value
-- may rightly be missing from the sum. Only weighted means promise it.
select distinct
    contributions.run_key,
    contributions.parent_entity_key,
    contributions.child_node_id,
    contributions.sibling_weight_share_sum
from {{ ref('fct_contributions') }} as contributions
where
    {{ in_build_scope('contributions') }}
    and contributions.is_node_metric
    and contributions.method = 'weighted_mean'
    and not contributions.weight_share_valid
