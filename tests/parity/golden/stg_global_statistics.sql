SELECT
  facets.run_key,
  facets.run_id,
  facets.canonical_node_id,
  facets.statistical_method,
  facets.method_name,
  facets.facet_dimensions,
  facets.facet_dimensions_hash,
  facets.record_count,
  facets.entity_count,
  facets.entity_with_statistics_count,
  facets.global_metric_mean,
  facets.global_metric_std,
  facets.global_metric_median,
  facets.global_mad,
  facets.std_floor,
  facets.std_floor_applied,
  facets.mad_floor,
  facets.mad_floor_applied,
  facets.winsor_percentile,
  facets.winsor_applied,
  facets.min_peer_count,
  facets.warnings,
  facets.source_file,
  facets.line_number,
  facets.loaded_at
FROM "public"."raw_global_statistics" AS facets
WHERE
  facets.run_key IN (
    SELECT
      scope.run_key
    FROM "public_staging"."stg_build_scope" AS scope
  )
