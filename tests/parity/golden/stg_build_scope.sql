/* What a build works on: the runs marked as building or, where none is, every run that is loaded. */
/* A table, not a view: a build works on the same runs from its first model to its last test, and */
/* planners know how few they are. Replacing the rows of its own runs, it replaces all its rows. */
SELECT
  CAST(runs.run_key AS TEXT) AS run_key
FROM "public"."runs" AS runs
WHERE
  runs.state = 'building'
  OR (
    NOT runs.state IN ('loading', 'failed')
    AND NOT EXISTS(
      SELECT
        1
      FROM "public"."runs" AS other
      WHERE
        other.state = 'building'
    )
  )
