SELECT
  metrics.run_key,
  metrics.run_id,
  metrics.metric_id,
  metrics.display_name,
  metrics.description,
  metrics.domain,
  metrics.polarity,
  metrics.unit_type,
  metrics.display_format,
  metrics.null_fill_value,
  metrics.source_file,
  metrics.line_number,
  metrics.loaded_at
FROM "public"."raw_metric_definitions" AS metrics
WHERE
  metrics.run_key IN (
    SELECT
      scope.run_key
    FROM "public_staging"."stg_build_scope" AS scope
  )
