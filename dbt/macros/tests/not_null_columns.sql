{# None of `columns` is null in any row: one pass over a wide table instead of one a column. #}
{% test not_null_columns(model, columns) %}
with tested as (select * from {{ model }})

select
    {%- for column in columns %}
    tested.{{ column }}{{ "," if not loop.last }}
    {%- endfor %}
from tested
where
    {%- for column in columns %}
    {{ "or " if not loop.first }}tested.{{ column }} is null
    {%- endfor %}
{% endtest %}
