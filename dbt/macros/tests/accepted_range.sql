{# Values lie between `min_value` and `max_value`, both inclusive; either may be left out. #}
{% test accepted_range(model, column_name, min_value=none, max_value=none) %}
with tested as (select * from {{ model }})

select tested.{{ column_name }}
from tested
where
    {%- if min_value is not none %}
    tested.{{ column_name }} < {{ min_value }}
    {%- endif %}
    {%- if max_value is not none %}
    {{ "or " if min_value is not none }}tested.{{ column_name }} > {{ max_value }}
    {%- endif %}
{% endtest %}


{# No value is below zero. #}
{% test not_negative(model, column_name) %}
with tested as (select * from {{ model }})

select tested.{{ column_name }}
from tested
where tested.{{ column_name }} < 0
{% endtest %}
