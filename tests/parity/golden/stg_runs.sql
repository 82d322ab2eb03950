SELECT
  runs.run_key,
  runs.run_id,
  runs.graph_name,
  runs.created_at,
  runs.started_at,
  runs.taxonomy_hash,
  runs.metadata_bundle_version,
  runs.node_count,
  runs.edge_count,
  runs.source_file,
  runs.line_number,
  runs.loaded_at
FROM "public"."raw_runs" AS runs
WHERE
  runs.run_key IN (
    SELECT
      scope.run_key
    FROM "public_staging"."stg_build_scope" AS scope
  )
