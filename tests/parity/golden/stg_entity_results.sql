SELECT
  entities.run_key,
  entities.run_id,
  entities.entity_key,
  entities.canonical_node_id,
  entities.metric_id,
  entities.facility_id,
  entities.facility_name,
  entities.system_name,
  entities.entity,
  entities.entity_dimensions,
  entities.entity_dimensions_hash,
  entities.service_line,
  entities.sub_service_line,
  entities.groupby_label,
  entities.group_value,
  entities.metric_value,
  entities.timeline,
  entities.timeline_length,
  entities.observed_count,
  entities.missing_count,
  entities.coverage_ratio,
  entities.fill_strategy,
  entities.encounters,
  entities.metadata,
  entities.metadata_per_period,
  entities.source_file,
  entities.line_number,
  entities.loaded_at
FROM "public"."raw_entity_results" AS entities
WHERE
  entities.run_key IN (
    SELECT
      scope.run_key
    FROM "public_staging"."stg_build_scope" AS scope
  )
