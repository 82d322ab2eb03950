-- The days metrics over time are laid out on; fixed, so that the model does not depend on the day it runs.
select cast(days.day as date) as date_day
from generate_series(
    cast('2020-01-01' as timestamp), cast('2049-12-31' as timestamp), interval '1 day'
) as days(day)
