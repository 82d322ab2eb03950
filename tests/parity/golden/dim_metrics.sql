WITH nodes AS (
  SELECT
    node_results.run_key,
    node_results.metric_id,
    COUNT(*) AS node_count
  FROM "public_staging"."stg_node_results" AS node_results
  GROUP BY
    node_results.run_key,
    node_results.metric_id
), signals AS (
  SELECT
    fct.run_key,
    fct.metric_id,
    COUNT(*) AS signal_count
  FROM "public_marts"."fct_signals" AS fct
  WHERE
    fct.run_key IN (
      SELECT
        scope.run_key
      FROM "public_staging"."stg_build_scope" AS scope
    )
  GROUP BY
    fct.run_key,
    fct.metric_id
)
SELECT
  CAST(metrics.run_key AS TEXT) AS run_key,
  CAST(metrics.metric_id AS TEXT) AS metric_id,
  CAST(metrics.display_name AS TEXT) AS display_name,
  CAST(metrics.description AS TEXT) AS description,
  CAST(metrics.domain AS TEXT) AS domain,
  CAST(metrics.polarity AS TEXT) AS polarity,
  CAST(metrics.unit_type AS TEXT) AS unit_type,
  CAST(metrics.display_format AS TEXT) AS display_format,
  CAST(COALESCE(nodes.node_count, 0) AS BIGINT) AS node_count,
  CAST(COALESCE(signals.signal_count, 0) AS BIGINT) AS signal_count
FROM "public_intermediate"."int_metrics" AS metrics
LEFT JOIN nodes
  ON metrics.run_key = nodes.run_key AND metrics.metric_id = nodes.metric_id
LEFT JOIN signals
  ON metrics.run_key = signals.run_key AND metrics.metric_id = signals.metric_id
WHERE
  metrics.run_key IN (
    SELECT
      scope.run_key
    FROM "public_staging"."stg_build_scope" AS scope
  )
