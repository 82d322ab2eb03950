{# Every value that is not null stands in `field` of `to`, in a row of the same run. #}
{% test relationships_in_run(model, column_name, to, field) %}
select
    tested.run_key,
    tested.{{ column_name }}
from {{ model }} as tested
where
    tested.{{ column_name }} is not null
    and not exists (
        select 1
        from {{ to }} as parent
        where parent.run_key = tested.run_key and parent.{{ field }} = tested.{{ column_name }}
    )
{% endtest %}
