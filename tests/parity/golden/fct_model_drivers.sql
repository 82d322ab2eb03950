SELECT
  CAST(drivers.run_key AS TEXT) AS run_key,
  CAST(drivers.run_id AS TEXT) AS run_id,
  CAST(runs.graph_name AS TEXT) AS graph_name,
  CAST(drivers.experiment_index AS BIGINT) AS experiment_index,
  CAST(drivers.estimator AS TEXT) AS estimator,
  CAST(experiments.groupby_label AS TEXT) AS groupby_label,
  CAST(experiments.group_value AS TEXT) AS group_value,
  CAST(drivers.feature AS TEXT) AS feature_name,
  CAST(drivers.mean_abs_shap AS DOUBLE) AS mean_abs_shap,
  CAST(drivers.mean_shap AS DOUBLE) AS mean_shap,
  CAST(drivers.sample_count AS BIGINT) AS sample_count,
  CAST(CASE WHEN drivers.mean_shap >= 0 THEN 'positive' ELSE 'negative' END AS TEXT) AS direction,
  CAST(ROW_NUMBER() OVER (
    PARTITION BY drivers.run_key, drivers.experiment_index
    ORDER BY drivers.mean_abs_shap DESC NULLS FIRST, drivers.feature
  ) AS BIGINT) AS driver_rank
FROM "public_staging"."stg_model_drivers" AS drivers
INNER JOIN "public_staging"."stg_runs" AS runs
  ON drivers.run_key = runs.run_key
LEFT JOIN "public_staging"."stg_modeling_experiments" AS experiments
  ON drivers.run_key = experiments.run_key
  AND drivers.experiment_index = experiments.experiment_index
