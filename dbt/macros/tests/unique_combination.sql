{# No two rows agree in all of `columns`; nulls count as equal. #}
{% test unique_combination(model, columns) %}
select
    {%- for column in columns %}
    tested.{{ column }},
    {%- endfor %}
    count(*) as row_count
from {{ model }} as tested
group by
    {%- for column in columns %}
    tested.{{ column }}{{ "," if not loop.last }}
    {%- endfor %}
having count(*) > 1
{% endtest %}
