WITH facets AS (
  /* One row a facet and method (tested on staging), so that max() picks and never merges. */
  SELECT
    statistics.run_key,
    statistics.canonical_node_id,
    statistics.facet_dimensions_hash,
    COALESCE(
      MAX(statistics.global_metric_mean) FILTER(WHERE
        statistics.method_name = 'simple_zscore'),
      MAX(statistics.global_metric_mean) FILTER(WHERE
        statistics.method_name = 'robust_zscore')
    ) AS global_metric_mean,
    MAX(statistics.global_metric_std) FILTER(WHERE
      statistics.method_name = 'simple_zscore') AS global_metric_std
  FROM "public_staging"."stg_global_statistics" AS statistics
  WHERE
    statistics.method_name IN ('simple_zscore', 'robust_zscore')
  GROUP BY
    statistics.run_key,
    statistics.canonical_node_id,
    statistics.facet_dimensions_hash
), temporal AS (
  SELECT
    statistics.*,
    entity_results.timeline,
    entity_results.metadata_per_period,
    nodes.percentile_trends
  FROM "public_intermediate"."int_temporal_entity_stats" AS statistics
  INNER JOIN "public_staging"."stg_entity_results" AS entity_results
    ON statistics.run_key || '/' || statistics.temporal_entity_key = entity_results.run_key || '/' || entity_results.entity_key
  INNER JOIN "public_staging"."stg_node_results" AS nodes
    ON statistics.run_key || '/' || statistics.temporal_node_id = nodes.run_key || '/' || nodes.canonical_node_id
  WHERE
    statistics.run_key IN (
      SELECT
        scope.run_key
      FROM "public_staging"."stg_build_scope" AS scope
    )
), methods /* Only entities of aggregate nodes have a row here. */ AS (
  SELECT
    method_statistics.*
  FROM "public_intermediate"."int_statistical_methods_agg" AS method_statistics
  WHERE
    method_statistics.run_key IN (
      SELECT
        scope.run_key
      FROM "public_staging"."stg_build_scope" AS scope
    )
    AND method_statistics.has_unsuppressed_method
), labels AS (
  SELECT
    anomaly_labels.*
  FROM "public_intermediate"."int_anomaly_labels" AS anomaly_labels
  WHERE
    anomaly_labels.run_key IN (
      SELECT
        scope.run_key
      FROM "public_staging"."stg_build_scope" AS scope
    )
)
SELECT
  CAST(entities.run_key AS TEXT) AS run_key,
  CAST(entities.run_id AS TEXT) AS run_id,
  CAST(runs.graph_name AS TEXT) AS graph_name,
  CAST(entities.entity_key AS TEXT) AS entity_key,
  CAST(entities.metric_id AS TEXT) AS metric_id,
  CAST(entities.canonical_node_id AS TEXT) AS canonical_node_id,
  CAST(entities.facility_id AS TEXT) AS facility_id,
  CAST(entities.entity_dimensions_hash AS TEXT) AS entity_dimensions_hash,
  CAST(entities.entity_dimensions AS TEXT) AS entity_dimensions,
  CAST(entities.groupby_label AS TEXT) AS groupby_label,
  CAST(entities.group_value AS TEXT) AS group_value,
  CAST(COALESCE(NULLIF(entities.facility_name, ''), facilities.facility_name, entities.facility_id) AS TEXT) AS facility,
  CAST(entities.system_name AS TEXT) AS system_name,
  CAST(COALESCE(NULLIF(entities.service_line, ''), 'Facility-wide') AS TEXT) AS service_line,
  CAST(entities.sub_service_line AS TEXT) AS sub_service_line,
  CAST(COALESCE(metrics.domain, 'Other') AS TEXT) AS domain,
  CAST(COALESCE(metrics.display_name, entities.metric_id) AS TEXT) AS metric_name,
  CAST(metrics.polarity AS TEXT) AS polarity,
  CAST(metrics.unit_type AS TEXT) AS unit_type,
  CAST(classifications.signal_type || ' (severity: ' || CAST(classifications.severity AS TEXT) || ')' AS TEXT) AS description,
  CAST(entities.metric_value AS DOUBLE) AS metric_value,
  CAST(COALESCE(facets.global_metric_mean, methods.peer_mean) AS DOUBLE) AS benchmark,
  CAST(methods.peer_mean AS DOUBLE) AS peer_mean,
  CAST(methods.peer_std AS DOUBLE) AS peer_std,
  CAST(methods.peer_count AS BIGINT) AS peer_count,
  CAST(methods.percentile_rank AS DOUBLE) AS percentile_rank,
  CAST(entities.encounters AS BIGINT) AS encounters,
  CAST(facets.global_metric_mean AS DOUBLE) AS global_metric_mean,
  CAST(facets.global_metric_std AS DOUBLE) AS global_metric_std,
  CAST(methods.simple_zscore AS DOUBLE) AS simple_zscore,
  CAST(methods.robust_zscore AS DOUBLE) AS robust_zscore,
  CAST(temporal.latest_simple_zscore AS DOUBLE) AS latest_simple_zscore,
  CAST(temporal.mean_simple_zscore AS DOUBLE) AS mean_simple_zscore,
  CAST(temporal.latest_robust_zscore AS DOUBLE) AS latest_robust_zscore,
  CAST(temporal.mean_robust_zscore AS DOUBLE) AS mean_robust_zscore,
  CAST(labels.simple_zscore_anomaly AS TEXT) AS simple_zscore_anomaly,
  CAST(labels.robust_zscore_anomaly AS TEXT) AS robust_zscore_anomaly,
  CAST(labels.latest_simple_zscore_anomaly AS TEXT) AS latest_simple_zscore_anomaly,
  CAST(labels.mean_simple_zscore_anomaly AS TEXT) AS mean_simple_zscore_anomaly,
  CAST(labels.latest_robust_zscore_anomaly AS TEXT) AS latest_robust_zscore_anomaly,
  CAST(labels.mean_robust_zscore_anomaly AS TEXT) AS mean_robust_zscore_anomaly,
  CAST(labels.slope_anomaly AS TEXT) AS slope_anomaly,
  CAST(temporal.slope AS DOUBLE) AS slope,
  CAST(temporal.slope_percentile AS DOUBLE) AS slope_percentile,
  CAST(temporal.acceleration AS DOUBLE) AS acceleration,
  CAST(temporal.trend_direction AS TEXT) AS trend_direction,
  CAST(temporal.momentum AS TEXT) AS momentum,
  CAST(temporal.monthly_z_scores AS TEXT) AS monthly_z_scores,
  CAST(temporal.monthly_z_score_method AS TEXT) AS monthly_z_score_method,
  CAST(temporal.temporal_node_id AS TEXT) AS temporal_node_id,
  CAST(temporal.timeline AS TEXT) AS metric_trend_timeline,
  CAST(entities.metadata AS TEXT) AS metadata,
  CAST(temporal.metadata_per_period AS TEXT) AS metadata_per_period,
  CAST(temporal.percentile_trends AS TEXT) AS peer_percentile_trends,
  CAST(classifications.signal_type AS TEXT) AS simplified_signal_type,
  CAST(classifications.severity AS BIGINT) AS simplified_severity,
  CAST(classifications.severity_range_min AS BIGINT) AS simplified_severity_min,
  CAST(classifications.severity_range_max AS BIGINT) AS simplified_severity_max,
  CAST(classifications.inputs AS TEXT) AS simplified_inputs,
  CAST(classifications.derived_indicators AS TEXT) AS simplified_indicators,
  CAST(classifications.classification_reasoning AS TEXT) AS simplified_reasoning,
  CAST(classifications.severity_calculation AS TEXT) AS simplified_severity_calculation,
  CAST(classifications.magnitude_tier AS TEXT) AS magnitude_tier,
  CAST(classifications.trajectory_tier AS TEXT) AS trajectory_tier,
  CAST(classifications.consistency_tier AS TEXT) AS consistency_tier,
  CAST(classifications.coefficient_of_variation AS DOUBLE) AS coefficient_of_variation,
  CAST(classifications.period_count AS BIGINT) AS classified_period_count,
  CAST(entities.source_file AS TEXT) AS source_file,
  CAST(entities.line_number AS BIGINT) AS line_number,
  CAST(runs.loaded_at AS TIMESTAMPTZ) AS loaded_at
FROM "public_staging"."stg_entity_results" AS entities
INNER JOIN "public_staging"."stg_classifications" AS classifications
  ON entities.run_key || '/' || entities.entity_key = classifications.run_key || '/' || classifications.entity_key
INNER JOIN methods
  ON entities.run_key || '/' || entities.entity_key = methods.run_key || '/' || methods.entity_key
INNER JOIN "public_staging"."stg_runs" AS runs
  ON entities.run_key = runs.run_key
LEFT JOIN temporal
  ON entities.run_key || '/' || entities.entity_key = temporal.run_key || '/' || temporal.entity_key
LEFT JOIN labels
  ON entities.run_key || '/' || entities.entity_key = labels.run_key || '/' || labels.entity_key
LEFT JOIN facets
  ON entities.run_key = facets.run_key
  AND entities.canonical_node_id = facets.canonical_node_id
  AND entities.entity_dimensions_hash = facets.facet_dimensions_hash
LEFT JOIN "public_intermediate"."int_metrics" AS metrics
  ON entities.run_key = metrics.run_key AND entities.metric_id = metrics.metric_id
LEFT JOIN "public_seeds"."ref_facilities" AS facilities
  ON entities.facility_id = facilities.facility_id
WHERE
  entities.metric_value IS NOT NULL AND NOT classifications.suppressed
