/* The days metrics over time are laid out on; fixed, so that the model does not depend on the day it runs. */
SELECT
  CAST(days.day AS DATE) AS date_day
FROM GENERATE_SERIES(CAST('2020-01-01' AS TIMESTAMP), CAST('2049-12-31' AS TIMESTAMP), INTERVAL '1' DAY) AS days(day)
