{# No two rows agree in all of `columns`; nulls count as equal. #}
{% test unique_combination(model, columns) %}
with tested as (select * from {{ model }})

select
    {%- for column in columns %}
    tested.{{ column }},
    {%- endfor %}
    count(*) as row_count
from tested
group by
    {%- for column in columns %}
    tested.{{ column }}{{ "," if not loop.last }}
    {%- endfor %}
having count(*) > 1
{% endtest %}
