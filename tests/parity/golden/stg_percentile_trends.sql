SELECT
  bands.run_key,
  bands.run_id,
  bands.canonical_node_id,
  bands.statistical_method,
  bands.period,
  bands.period_index,
  bands.p10,
  bands.p25,
  bands.p50,
  bands.p75,
  bands.p90,
  bands.sample_size,
  bands.suppression_applied,
  bands.source_file,
  bands.line_number,
  bands.loaded_at
FROM "public"."raw_percentile_trends" AS bands
WHERE
  bands.run_key IN (
    SELECT
      scope.run_key
    FROM "public_staging"."stg_build_scope" AS scope
  )
