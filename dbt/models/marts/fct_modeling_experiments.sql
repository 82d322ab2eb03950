{{ config(indexes=[{"columns": ["run_key", "experiment_index"], "unique": true}]) }}

select
    cast(experiments.run_key as text) as run_key,
    cast(experiments.run_id as text) as run_id,
    cast(runs.graph_name as text) as graph_name,
    cast(experiments.experiment_index as bigint) as experiment_index,
    cast(experiments.config_path as text) as config_path,
    cast(experiments.dataset_path as text) as dataset_path,
    cast(experiments.groupby_label as text) as groupby_label,
    cast(experiments.group_value as text) as group_value,
    cast(experiments.estimator as text) as estimator,
    cast(experiments.scoring as text) as scoring,
    cast(experiments.n_iter as bigint) as n_iter,
    cast(experiments.random_state as bigint) as random_state,
    cast(experiments.tuning_random_state as bigint) as tuning_random_state,
    cast(experiments.row_count as bigint) as row_count,
    cast(experiments.duration_seconds as double precision) as duration_seconds,
    cast(experiments.mae as double precision) as mae,
    cast(experiments.rmse as double precision) as rmse,
    cast(experiments.r2 as double precision) as r2,
    cast(experiments.mae_original as double precision) as mae_original,
    cast(experiments.rmse_original as double precision) as rmse_original,
    cast(experiments.r2_original as double precision) as r2_original,
    cast(experiments.metrics as text) as metrics,
    cast(experiments.artifacts as text) as artifacts,
    cast(experiments.global_shap_path as text) as global_shap_path,
    cast(experiments.facility_shap_path as text) as facility_shap_path,
    cast(experiments.encounter_shap_path as text) as encounter_shap_path,
    cast(
        row_number() over (
            partition by experiments.run_key, experiments.estimator
            order by experiments.r2 desc nulls last, experiments.experiment_index
        ) as bigint
    ) as experiment_rank,
    cast(
        row_number() over (
            partition by experiments.run_key
            order by experiments.r2 desc nulls last, experiments.experiment_index
        ) as bigint
    ) as overall_rank,
    cast(experiments.source_file as text) as source_file,
    cast(experiments.line_number as bigint) as line_number
from {{ ref('stg_modeling_experiments') }} as experiments
inner join {{ ref('stg_runs') }} as runs
    on experiments.run_key = runs.run_key
