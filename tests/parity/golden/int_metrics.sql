/* Every metric of a run: those of its nodes and those of its metadata bundle. */
WITH run_metrics AS (
  SELECT
    nodes.run_key,
    nodes.metric_id
  FROM "public_staging"."stg_node_results" AS nodes
  UNION
  SELECT
    definitions.run_key,
    definitions.metric_id
  FROM "public_staging"."stg_metric_definitions" AS definitions
)
SELECT
  CAST(run_metrics.run_key AS TEXT) AS run_key,
  CAST(run_metrics.metric_id AS TEXT) AS metric_id,
  CAST(COALESCE(definitions.display_name, catalog.display_name, run_metrics.metric_id) AS TEXT) AS display_name,
  CAST(COALESCE(definitions.description, catalog.description) AS TEXT) AS description,
  CAST(CASE
    WHEN definitions.domain IN ('Efficiency', 'Safety', 'Effectiveness', 'Utilization')
    THEN definitions.domain
    WHEN catalog.domain IN ('Efficiency', 'Safety', 'Effectiveness', 'Utilization')
    THEN catalog.domain
    ELSE 'Other'
  END AS TEXT) AS domain, /* A metric nobody placed is Other: counting it as Efficiency would hide safety findings there. */
  CAST(COALESCE(definitions.polarity, catalog.polarity) AS TEXT) AS polarity,
  CAST(COALESCE(definitions.unit_type, catalog.unit) AS TEXT) AS unit_type,
  CAST(definitions.display_format AS TEXT) AS display_format
FROM run_metrics
LEFT JOIN "public_staging"."stg_metric_definitions" AS definitions
  ON run_metrics.run_key = definitions.run_key
  AND run_metrics.metric_id = definitions.metric_id
LEFT JOIN "public_seeds"."metric_catalog" AS catalog
  ON run_metrics.metric_id = catalog.metric_id
