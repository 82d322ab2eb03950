SELECT
  anomalies.run_key,
  anomalies.run_id,
  anomalies.entity_key,
  anomalies.canonical_node_id,
  anomalies.statistical_method,
  anomalies.anomaly_profile,
  anomalies.anomaly_method,
  COALESCE(
    anomalies.applies_to,
    CASE SPLIT_PART(REPLACE(anomalies.statistical_method, 'statistical_method__', ''), '__', 1)
      WHEN 'simple_zscore'
      THEN 'simple_zscore'
      WHEN 'robust_zscore'
      THEN 'robust_zscore'
      WHEN 'slope_percentile'
      THEN 'slope_percentile'
      WHEN 'trending_simple_zscore'
      THEN CASE
        WHEN anomalies.anomaly_method LIKE '%mean%'
        THEN 'mean_simple_zscore'
        ELSE 'latest_simple_zscore'
      END
      WHEN 'trending_robust_zscore'
      THEN CASE
        WHEN anomalies.anomaly_method LIKE '%mean%'
        THEN 'mean_robust_zscore'
        ELSE 'latest_robust_zscore'
      END
    END /* Older documents leave it out; method and rule then say it. */
  ) AS applies_to,
  anomalies.anomaly,
  anomalies.statistic_value,
  anomalies.template_id,
  anomalies.rendered,
  anomalies.source_file,
  anomalies.line_number,
  anomalies.loaded_at
FROM "public"."raw_anomalies" AS anomalies
WHERE
  anomalies.run_key IN (
    SELECT
      scope.run_key
    FROM "public_staging"."stg_build_scope" AS scope
  )
