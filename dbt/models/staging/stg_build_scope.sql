-- What a build works on: the runs marked as building or, where none is, every run that is loaded.
select runs.run_key
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
