{{ config(indexes=[{"columns": ["run_key", "experiment_index", "feature_name"], "unique": true}]) }}

select
    cast(drivers.run_key as text) as run_key,
    cast(drivers.run_id as text) as run_id,
    cast(runs.graph_name as text) as graph_name,
    cast(drivers.experiment_index as bigint) as experiment_index,
    cast(drivers.estimator as text) as estimator,
    cast(experiments.groupby_label as text) as groupby_label,
    cast(experiments.group_value as text) as group_value,
    cast(drivers.feature as text) as feature_name,
    cast(drivers.mean_abs_shap as double precision) as mean_abs_shap,
    cast(drivers.mean_shap as double precision) as mean_shap,
    cast(drivers.sample_count as bigint) as sample_count,
    cast(case when drivers.mean_shap >= 0 then 'positive' else 'negative' end as text) as direction,
    cast(
        row_number() over (
            partition by drivers.run_key, drivers.experiment_index
            order by drivers.mean_abs_shap desc, drivers.feature
        ) as bigint
    ) as driver_rank
from {{ ref('stg_model_drivers') }} as drivers
inner join {{ ref('stg_runs') }} as runs
    on drivers.run_key = runs.run_key
left join {{ ref('stg_modeling_experiments') }} as experiments
    on drivers.run_key = experiments.run_key and drivers.experiment_index = experiments.experiment_index
