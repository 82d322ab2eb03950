WITH trends AS (
  /* A node may trend to months, quarters and years: the months are the ones people look at. */
  SELECT
    edges.run_key,
    edges.source_node_id,
    edges.target_node_id,
    ROW_NUMBER() OVER (
      PARTITION BY edges.run_key, edges.source_node_id
      ORDER BY CASE WHEN targets.time_grain IN ('dischargeMonth', 'month') THEN 0 ELSE 1 END, edges.target_node_id
    ) AS preference
  FROM "public_staging"."stg_node_edges" AS edges
  INNER JOIN "public_staging"."stg_node_results" AS sources
    ON edges.run_key || '/' || edges.source_node_id = sources.run_key || '/' || sources.canonical_node_id
  INNER JOIN "public_staging"."stg_node_results" AS targets
    ON edges.run_key || '/' || edges.target_node_id = targets.run_key || '/' || targets.canonical_node_id
  WHERE
    edges.edge_type = 'trends_to'
    AND sources.time_grain = 'aggregate_time_period'
    AND targets.time_grain <> 'aggregate_time_period'
), temporal_statistics AS (
  /* One row a method and entity (tested on staging), so that max() picks and never merges. */
  SELECT
    methods.run_key,
    methods.entity_key,
    MAX(methods.latest_simple_zscore) FILTER(WHERE
      methods.method_name = 'trending_simple_zscore') AS latest_simple_zscore,
    MAX(methods.mean_simple_zscore) FILTER(WHERE
      methods.method_name = 'trending_simple_zscore') AS mean_simple_zscore,
    MAX(methods.per_period_simple_zscores) FILTER(WHERE
      methods.method_name = 'trending_simple_zscore') AS per_period_simple_zscores,
    MAX(methods.latest_robust_zscore) FILTER(WHERE
      methods.method_name = 'trending_robust_zscore') AS latest_robust_zscore,
    MAX(methods.mean_robust_zscore) FILTER(WHERE
      methods.method_name = 'trending_robust_zscore') AS mean_robust_zscore,
    MAX(methods.per_period_robust_zscores) FILTER(WHERE
      methods.method_name = 'trending_robust_zscore') AS per_period_robust_zscores,
    MAX(methods.slope) FILTER(WHERE
      methods.method_name = 'slope_percentile') AS slope,
    MAX(methods.slope_percentile) FILTER(WHERE
      methods.method_name = 'slope_percentile') AS slope_percentile,
    MAX(methods.acceleration) FILTER(WHERE
      methods.method_name = 'slope_percentile') AS acceleration,
    MAX(methods.trend_direction) FILTER(WHERE
      methods.method_name = 'slope_percentile') AS trend_direction,
    MAX(methods.momentum) FILTER(WHERE
      methods.method_name = 'slope_percentile') AS momentum
  FROM "public_staging"."stg_statistical_methods" AS methods
  WHERE
    NOT methods.suppressed
    AND methods.method_name IN ('trending_simple_zscore', 'trending_robust_zscore', 'slope_percentile')
  GROUP BY
    methods.run_key,
    methods.entity_key
)
SELECT
  CAST(entities.run_key AS TEXT) AS run_key,
  CAST(entities.entity_key AS TEXT) AS entity_key,
  CAST(temporal.canonical_node_id AS TEXT) AS temporal_node_id,
  CAST(temporal.entity_key AS TEXT) AS temporal_entity_key,
  CAST(statistics.latest_simple_zscore AS DOUBLE) AS latest_simple_zscore,
  CAST(statistics.mean_simple_zscore AS DOUBLE) AS mean_simple_zscore,
  CAST(statistics.latest_robust_zscore AS DOUBLE) AS latest_robust_zscore,
  CAST(statistics.mean_robust_zscore AS DOUBLE) AS mean_robust_zscore,
  CAST(statistics.slope AS DOUBLE) AS slope,
  CAST(statistics.slope_percentile AS DOUBLE) AS slope_percentile,
  CAST(statistics.acceleration AS DOUBLE) AS acceleration,
  CAST(statistics.trend_direction AS TEXT) AS trend_direction,
  CAST(statistics.momentum AS TEXT) AS momentum,
  CAST(COALESCE(statistics.per_period_simple_zscores, statistics.per_period_robust_zscores) AS TEXT) AS monthly_z_scores,
  CAST(CASE
    WHEN statistics.per_period_simple_zscores IS NOT NULL
    THEN 'simple'
    WHEN statistics.per_period_robust_zscores IS NOT NULL
    THEN 'robust'
  END AS TEXT) AS monthly_z_score_method
FROM trends
INNER JOIN "public_staging"."stg_entity_results" AS entities
  ON trends.run_key || '/' || trends.source_node_id = entities.run_key || '/' || entities.canonical_node_id
/* In one comparison, as in same_in_run and for the same reason. */
INNER JOIN "public_staging"."stg_entity_results" AS temporal
  ON entities.run_key || '/' || entities.metric_id || '/' || entities.facility_id || '/' || entities.entity_dimensions_hash = temporal.run_key || '/' || temporal.metric_id || '/' || temporal.facility_id || '/' || temporal.entity_dimensions_hash
  AND trends.target_node_id = temporal.canonical_node_id
LEFT JOIN temporal_statistics AS statistics
  ON temporal.run_key || '/' || temporal.entity_key = statistics.run_key || '/' || statistics.entity_key
WHERE
  trends.preference = 1
