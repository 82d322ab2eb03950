SELECT
  drivers.run_key,
  drivers.run_id,
  drivers.experiment_index,
  drivers.estimator,
  drivers.feature,
  drivers.mean_abs_shap,
  drivers.mean_shap,
  drivers.sample_count,
  drivers.source_file,
  drivers.line_number,
  drivers.loaded_at
FROM "public"."raw_model_drivers" AS drivers
WHERE
  drivers.run_key IN (
    SELECT
      scope.run_key
    FROM "public_staging"."stg_build_scope" AS scope
  )
