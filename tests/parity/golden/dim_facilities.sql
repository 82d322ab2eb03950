WITH entities AS (
  SELECT
    entity_results.run_key,
    entity_results.facility_id,
    entity_results.facility_name,
    entity_results.system_name,
    entity_results.service_line,
    entity_results.groupby_label,
    entity_results.encounters
  FROM "public_staging"."stg_entity_results" AS entity_results
  INNER JOIN "public_staging"."stg_node_results" AS nodes
    ON entity_results.run_key || '/' || entity_results.canonical_node_id = nodes.run_key || '/' || nodes.canonical_node_id
  WHERE
    nodes.time_grain = 'aggregate_time_period'
), facilities AS (
  /* Names come from the facility's own row where it has one: a segment's system is that of its first */
  /* source row. Metrics may count different encounters; the most is what the facility has at least. */
  SELECT
    entities.run_key,
    entities.facility_id,
    COALESCE(
      MIN(NULLIF(entities.facility_name, '')) FILTER(WHERE
        entities.groupby_label = 'Facility-wide'),
      MIN(NULLIF(entities.facility_name, ''))
    ) AS facility_name,
    COALESCE(
      MIN(entities.system_name) FILTER(WHERE
        entities.groupby_label = 'Facility-wide'),
      MIN(entities.system_name)
    ) AS system_name,
    MAX(entities.encounters) FILTER(WHERE
      entities.groupby_label = 'Facility-wide') AS encounters
  FROM entities
  GROUP BY
    entities.run_key,
    entities.facility_id
), service_lines AS (
  SELECT
    lines.run_key,
    lines.facility_id,
    lines.service_line,
    ROW_NUMBER() OVER (
      PARTITION BY lines.run_key, lines.facility_id
      ORDER BY MAX(lines.encounters) DESC, lines.service_line
    ) AS position_by_encounters
  FROM entities AS lines
  WHERE
    lines.groupby_label = 'Service Line'
  GROUP BY
    lines.run_key,
    lines.facility_id,
    lines.service_line
), signals AS (
  SELECT
    fct.run_key,
    fct.facility_id,
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
    fct.facility_id
)
SELECT
  CAST(facilities.run_key AS TEXT) AS run_key,
  CAST(facilities.facility_id AS TEXT) AS facility_id,
  CAST(COALESCE(facilities.facility_name, reference.facility_name, facilities.facility_id) AS TEXT) AS facility_name,
  CAST(facilities.system_name AS TEXT) AS system_name,
  CAST(service_lines.service_line AS TEXT) AS primary_service_line,
  CAST(COALESCE(signals.signal_count, 0) AS BIGINT) AS signal_count,
  CAST(facilities.encounters AS BIGINT) AS encounters,
  CAST(runs.loaded_at AS TIMESTAMPTZ) AS loaded_at
FROM facilities
INNER JOIN "public_staging"."stg_runs" AS runs
  ON facilities.run_key = runs.run_key
LEFT JOIN service_lines
  ON facilities.run_key = service_lines.run_key
  AND facilities.facility_id = service_lines.facility_id
  AND service_lines.position_by_encounters = 1
LEFT JOIN signals
  ON facilities.run_key = signals.run_key
  AND facilities.facility_id = signals.facility_id
LEFT JOIN "public_seeds"."ref_facilities" AS reference
  ON facilities.facility_id = reference.facility_id
