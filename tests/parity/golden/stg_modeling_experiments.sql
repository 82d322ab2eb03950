SELECT
  experiments.run_key,
  experiments.run_id,
  experiments.experiment_index,
  experiments.config_path,
  experiments.dataset_path,
  experiments.groupby_label,
  experiments.group_value,
  experiments.estimator,
  experiments.scoring,
  experiments.n_iter,
  experiments.random_state,
  experiments.tuning_random_state,
  experiments.row_count,
  experiments.duration_seconds,
  experiments.mae,
  experiments.rmse,
  experiments.r2,
  experiments.mae_original,
  experiments.rmse_original,
  experiments.r2_original,
  experiments.metrics,
  experiments.artifacts,
  experiments.global_shap_path,
  experiments.facility_shap_path,
  experiments.encounter_shap_path,
  experiments.source_file,
  experiments.line_number,
  experiments.loaded_at
FROM "public"."raw_modeling_experiments" AS experiments
WHERE
  experiments.run_key IN (
    SELECT
      scope.run_key
    FROM "public_staging"."stg_build_scope" AS scope
  )
