WITH contributions AS (
  SELECT
    rows_of_run.*,
    ABS(rows_of_run.excess_over_parent) AS abs_excess,
    SUM(rows_of_run.weight_share) OVER (
      PARTITION BY rows_of_run.run_key, rows_of_run.parent_entity_key, rows_of_run.child_node_id, rows_of_run.metric_id
    ) AS sibling_weight_share_sum,
    ROW_NUMBER() OVER (
      PARTITION BY rows_of_run.run_key, rows_of_run.parent_entity_key, rows_of_run.child_node_id, rows_of_run.metric_id
      ORDER BY ABS(rows_of_run.excess_over_parent) DESC, rows_of_run.child_entity
    ) AS contribution_rank
  FROM "public_staging"."stg_contributions" AS rows_of_run
)
SELECT
  CAST(contributions.run_key AS TEXT) AS run_key,
  CAST(contributions.run_id AS TEXT) AS run_id,
  CAST(runs.graph_name AS TEXT) AS graph_name,
  CAST(contributions.metric_id AS TEXT) AS metric_id,
  CAST(contributions.node_metric_id AS TEXT) AS node_metric_id,
  CAST(contributions.metric_id = contributions.node_metric_id AS BOOLEAN) AS is_node_metric,
  CAST(contributions.method AS TEXT) AS method,
  CAST(contributions.parent_node_id AS TEXT) AS parent_node_id,
  CAST(contributions.child_node_id AS TEXT) AS child_node_id,
  CAST(contributions.facility_id AS TEXT) AS facility_id,
  CAST(contributions.parent_entity AS TEXT) AS parent_entity,
  CAST(contributions.child_entity AS TEXT) AS child_entity,
  CAST(contributions.parent_dimensions_hash AS TEXT) AS parent_dimensions_hash,
  CAST(contributions.child_dimensions_hash AS TEXT) AS child_dimensions_hash,
  CAST(contributions.parent_entity_key AS TEXT) AS parent_entity_key,
  CAST(contributions.child_entity_key AS TEXT) AS child_entity_key,
  CAST(contributions.child_value AS DOUBLE) AS child_value,
  CAST(contributions.parent_value AS DOUBLE) AS parent_value,
  CAST(contributions.weight_field AS TEXT) AS weight_field,
  CAST(contributions.weight_value AS DOUBLE) AS weight_value,
  CAST(contributions.weight_share AS DOUBLE) AS weight_share,
  CAST(contributions.contribution_value AS DOUBLE) AS contribution_value,
  CAST(contributions.raw_component AS DOUBLE) AS raw_component,
  CAST(contributions.excess_over_parent AS DOUBLE) AS excess_over_parent,
  CAST(CASE
    WHEN contributions.excess_over_parent > 0
    THEN 'positive'
    WHEN contributions.excess_over_parent < 0
    THEN 'negative'
    ELSE 'neutral'
  END AS TEXT) AS contribution_direction,
  CAST(contributions.abs_excess AS DOUBLE) AS abs_excess,
  CAST(contributions.contribution_rank AS BIGINT) AS contribution_rank,
  CAST(contributions.sibling_weight_share_sum AS DOUBLE) AS sibling_weight_share_sum,
  CAST(ABS(contributions.sibling_weight_share_sum - 1) <= 0.01 AS BOOLEAN) AS weight_share_valid,
  CAST(contributions.source_file AS TEXT) AS source_file,
  CAST(contributions.line_number AS BIGINT) AS line_number,
  CAST(parents.service_line AS TEXT) AS parent_service_line,
  CAST(children.service_line AS TEXT) AS child_service_line,
  CAST(children.sub_service_line AS TEXT) AS child_sub_service_line,
  CAST(runs.loaded_at AS TIMESTAMPTZ) AS loaded_at
FROM contributions
INNER JOIN "public_staging"."stg_runs" AS runs
  ON contributions.run_key = runs.run_key
LEFT JOIN "public_staging"."stg_entity_results" AS parents
  ON contributions.run_key || '/' || contributions.parent_entity_key = parents.run_key || '/' || parents.entity_key
LEFT JOIN "public_staging"."stg_entity_results" AS children
  ON contributions.run_key || '/' || contributions.child_entity_key = children.run_key || '/' || children.entity_key
