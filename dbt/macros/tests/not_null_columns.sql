{# None of `columns` is null in any row: one pass over a wide table instead of one a column. #}
{% test not_null_columns(model, columns) %}
select
    {%- for column in columns %}
    tested.{{ column }}{{ "," if not loop.last }}
    {%- endfor %}
from {{ model }} as tested
where
    {%- for column in columns %}
    {{ "or " if not loop.first }}tested.{{ column }} is null
    {%- endfor %}
{% endtest %}
