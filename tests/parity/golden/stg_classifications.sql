SELECT
  classifications.run_key,
  classifications.run_id,
  classifications.entity_key,
  classifications.canonical_node_id,
  classifications.metric_id,
  classifications.facility_id,
  classifications.entity_dimensions,
  classifications.entity_dimensions_hash,
  classifications.signal_type,
  classifications.severity,
  classifications.severity_range_min,
  classifications.severity_range_max,
  classifications.aggregate_zscore,
  classifications.slope_percentile,
  classifications.acceleration,
  classifications.zscore_std,
  classifications.max_abs_deviation,
  classifications.position,
  classifications.trend,
  classifications.momentum,
  classifications.consistency,
  classifications.has_spike,
  COALESCE(classifications.suppressed, FALSE) AS suppressed,
  classifications.period_count,
  classifications.classification_reasoning,
  classifications.inputs,
  classifications.derived_indicators,
  classifications.severity_calculation,
  classifications.magnitude_tier,
  classifications.trajectory_tier,
  classifications.consistency_tier,
  classifications.coefficient_of_variation,
  classifications.classified_at,
  classifications.source_file,
  classifications.line_number,
  classifications.loaded_at
FROM "public"."raw_classifications" AS classifications
WHERE
  classifications.run_key IN (
    SELECT
      scope.run_key
    FROM "public_staging"."stg_build_scope" AS scope
  )
