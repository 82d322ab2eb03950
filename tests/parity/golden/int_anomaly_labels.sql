/* Whose label it becomes: an entity of an aggregate node has its own labels and those of the */
/* temporal entity it trends to. */
WITH owners AS (
  SELECT
    entities.run_key,
    entities.entity_key,
    entities.entity_key AS labelled_entity_key
  FROM "public_staging"."stg_entity_results" AS entities
  INNER JOIN "public_staging"."stg_node_results" AS nodes
    ON entities.run_key || '/' || entities.canonical_node_id = nodes.run_key || '/' || nodes.canonical_node_id
  WHERE
    nodes.time_grain = 'aggregate_time_period'
  UNION ALL
  SELECT
    temporal.run_key,
    temporal.entity_key,
    temporal.temporal_entity_key AS labelled_entity_key
  FROM "public_intermediate"."int_temporal_entity_stats" AS temporal
  WHERE
    temporal.run_key IN (
      SELECT
        scope.run_key
      FROM "public_staging"."stg_build_scope" AS scope
    )
)
/* One rule a statistic and entity (tested on staging), so that max() picks and never compares labels. */
SELECT
  CAST(owners.run_key AS TEXT) AS run_key,
  CAST(owners.entity_key AS TEXT) AS entity_key,
  CAST(MAX(anomalies.anomaly) FILTER(WHERE
    anomalies.applies_to = 'simple_zscore') AS TEXT) AS simple_zscore_anomaly,
  CAST(MAX(anomalies.anomaly) FILTER(WHERE
    anomalies.applies_to = 'robust_zscore') AS TEXT) AS robust_zscore_anomaly,
  CAST(MAX(anomalies.anomaly) FILTER(WHERE
    anomalies.applies_to = 'latest_simple_zscore') AS TEXT) AS latest_simple_zscore_anomaly,
  CAST(MAX(anomalies.anomaly) FILTER(WHERE
    anomalies.applies_to = 'mean_simple_zscore') AS TEXT) AS mean_simple_zscore_anomaly,
  CAST(MAX(anomalies.anomaly) FILTER(WHERE
    anomalies.applies_to = 'latest_robust_zscore') AS TEXT) AS latest_robust_zscore_anomaly,
  CAST(MAX(anomalies.anomaly) FILTER(WHERE
    anomalies.applies_to = 'mean_robust_zscore') AS TEXT) AS mean_robust_zscore_anomaly,
  CAST(MAX(anomalies.anomaly) FILTER(WHERE
    anomalies.applies_to = 'slope_percentile') AS TEXT) AS slope_anomaly
FROM owners
LEFT JOIN "public_staging"."stg_anomalies" AS anomalies
  ON owners.run_key || '/' || owners.labelled_entity_key = anomalies.run_key || '/' || anomalies.entity_key
GROUP BY
  owners.run_key,
  owners.entity_key
