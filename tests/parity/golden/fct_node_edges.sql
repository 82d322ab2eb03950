SELECT
  CAST(edges.run_key AS TEXT) AS run_key,
  CAST(edges.run_id AS TEXT) AS run_id,
  CAST(runs.graph_name AS TEXT) AS graph_name,
  CAST(edges.edge_id AS TEXT) AS edge_id,
  CAST(edges.source_node_id AS TEXT) AS source_node_id,
  CAST(edges.target_node_id AS TEXT) AS target_node_id,
  CAST(edges.edge_type AS TEXT) AS edge_type,
  CAST(edges.edge_type_normalized AS TEXT) AS edge_type_normalized,
  CAST(edges.edge_type_normalized = 'segments_into' AS BOOLEAN) AS is_hierarchy,
  CAST(edges.direction AS TEXT) AS direction,
  CAST(edges.rationale AS TEXT) AS rationale
FROM "public_staging"."stg_node_edges" AS edges
INNER JOIN "public_staging"."stg_runs" AS runs
  ON edges.run_key = runs.run_key
