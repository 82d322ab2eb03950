/* One row a method and entity (tested on staging), so that max() picks and never merges. */
WITH aggregate_methods AS (
  SELECT
    methods.*,
    methods.method_name = 'simple_zscore' AND NOT methods.suppressed AS is_simple,
    methods.method_name = 'robust_zscore' AND NOT methods.suppressed AS is_robust
  FROM "public_staging"."stg_statistical_methods" AS methods
  INNER JOIN "public_staging"."stg_node_results" AS nodes
    ON methods.run_key || '/' || methods.canonical_node_id = nodes.run_key || '/' || nodes.canonical_node_id
  WHERE
    nodes.time_grain = 'aggregate_time_period'
)
SELECT
  CAST(methods.run_key AS TEXT) AS run_key,
  CAST(methods.entity_key AS TEXT) AS entity_key,
  CAST(MAX(methods.simple_zscore) FILTER(WHERE
    methods.is_simple) AS DOUBLE) AS simple_zscore,
  CAST(MAX(methods.robust_zscore) FILTER(WHERE
    methods.is_robust) AS DOUBLE) AS robust_zscore,
  CAST(MAX(methods.peer_mean) FILTER(WHERE
    methods.is_simple) AS DOUBLE) AS peer_mean,
  CAST(MAX(methods.peer_std) FILTER(WHERE
    methods.is_simple) AS DOUBLE) AS peer_std,
  CAST(COALESCE(
    MAX(methods.peer_count) FILTER(WHERE
      methods.is_simple),
    MAX(methods.peer_count) FILTER(WHERE
      methods.is_robust)
  ) AS BIGINT) AS peer_count,
  CAST(COALESCE(
    MAX(methods.percentile_rank) FILTER(WHERE
      methods.is_simple),
    MAX(methods.percentile_rank) FILTER(WHERE
      methods.is_robust)
  ) AS DOUBLE) AS percentile_rank,
  CAST(BOOL_OR(CAST(NOT methods.suppressed AS BOOLEAN)) AS BOOLEAN) AS has_unsuppressed_method
FROM aggregate_methods AS methods
GROUP BY
  methods.run_key,
  methods.entity_key
