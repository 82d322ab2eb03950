{# Every value that is not null stands in `field` of `to`, in a row of the same run. #}
{% test relationships_in_run(model, column_name, to, field) %}
with tested as (select * from {{ model }})

select
    tested.run_key,
    tested.{{ column_name }}
from tested
where tested.{{ column_name }} is not null
except
select
    parent.run_key,
    parent.{{ field }}
from {{ to }} as parent
{% endtest %}
