SELECT
  nodes.run_key,
  nodes.run_id,
  nodes.canonical_node_id,
  nodes.metric_id,
  nodes.time_grain,
  nodes.group_by_set,
  nodes.group_bys,
  nodes.facet_family_id,
  nodes.description,
  nodes.display_name,
  nodes.comparison_group,
  nodes.dataset_path,
  nodes.result_path,
  nodes.start_period,
  nodes.end_period,
  nodes.period_count,
  nodes.statistical_methods,
  nodes.percentile_trends,
  nodes.entity_results_count,
  nodes.source_file,
  nodes.line_number,
  nodes.loaded_at
FROM "public"."raw_node_results" AS nodes
WHERE
  nodes.run_key IN (
    SELECT
      scope.run_key
    FROM "public_staging"."stg_build_scope" AS scope
  )
