SELECT
  edges.run_key,
  edges.run_id,
  edges.edge_id,
  edges.source_node_id,
  edges.target_node_id,
  edges.edge_type,
  CASE edges.edge_type
    WHEN 'potential_driver_of'
    THEN 'potentially_driven_by'
    WHEN 'drills_to'
    THEN 'segments_into'
    ELSE edges.edge_type
  END AS edge_type_normalized,
  edges.direction,
  edges.rationale,
  edges.conditions,
  edges.source_file,
  edges.line_number,
  edges.loaded_at
FROM "public"."raw_node_edges" AS edges
WHERE
  edges.run_key IN (
    SELECT
      scope.run_key
    FROM "public_staging"."stg_build_scope" AS scope
  )
