SELECT
  CAST(experiments.run_key AS TEXT) AS run_key,
  CAST(experiments.run_id AS TEXT) AS run_id,
  CAST(runs.graph_name AS TEXT) AS graph_name,
  CAST(experiments.experiment_index AS BIGINT) AS experiment_index,
  CAST(experiments.config_path AS TEXT) AS config_path,
  CAST(experiments.dataset_path AS TEXT) AS dataset_path,
  CAST(experiments.groupby_label AS TEXT) AS groupby_label,
  CAST(experiments.group_value AS TEXT) AS group_value,
  CAST(experiments.estimator AS TEXT) AS estimator,
  CAST(experiments.scoring AS TEXT) AS scoring,
  CAST(experiments.n_iter AS BIGINT) AS n_iter,
  CAST(experiments.random_state AS BIGINT) AS random_state,
  CAST(experiments.tuning_random_state AS BIGINT) AS tuning_random_state,
  CAST(experiments.row_count AS BIGINT) AS row_count,
  CAST(experiments.duration_seconds AS DOUBLE) AS duration_seconds,
  CAST(experiments.mae AS DOUBLE) AS mae,
  CAST(experiments.rmse AS DOUBLE) AS rmse,
  CAST(experiments.r2 AS DOUBLE) AS r2,
  CAST(experiments.mae_original AS DOUBLE) AS mae_original,
  CAST(experiments.rmse_original AS DOUBLE) AS rmse_original,
  CAST(experiments.r2_original AS DOUBLE) AS r2_original,
  CAST(experiments.metrics AS TEXT) AS metrics,
  CAST(experiments.artifacts AS TEXT) AS artifacts,
  CAST(experiments.global_shap_path AS TEXT) AS global_shap_path,
  CAST(experiments.facility_shap_path AS TEXT) AS facility_shap_path,
  CAST(experiments.encounter_shap_path AS TEXT) AS encounter_shap_path,
  CAST(ROW_NUMBER() OVER (
    PARTITION BY experiments.run_key, experiments.estimator
    ORDER BY experiments.r2 DESC, experiments.experiment_index
  ) AS BIGINT) AS experiment_rank,
  CAST(ROW_NUMBER() OVER (
    PARTITION BY experiments.run_key
    ORDER BY experiments.r2 DESC, experiments.experiment_index
  ) AS BIGINT) AS overall_rank,
  CAST(experiments.source_file AS TEXT) AS source_file,
  CAST(experiments.line_number AS BIGINT) AS line_number
FROM "public_staging"."stg_modeling_experiments" AS experiments
INNER JOIN "public_staging"."stg_runs" AS runs
  ON experiments.run_key = runs.run_key
