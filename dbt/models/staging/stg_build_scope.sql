{{ config(materialized='incremental_by_run') }}

-- What a build works on: the runs marked as building or, where none is, every run that is loaded.
-- A table, not a view: a build works on the same runs from its first model to its last test, and
-- planners know how few they are. Replacing the rows of its own runs, it replaces all its rows.
select cast(runs.run_key as text) as run_key
from {{ source('app', 'runs') }} as runs
where
    runs.state = 'building'
    or (
        runs.state not in ('loading', 'failed')
        and not exists (
            select 1
            from {{ source('app', 'runs') }} as other
            where other.state = 'building'
        )
    )
