{# Condition that a row of `alias` belongs to a run the build works on. #}
{% macro in_build_scope(alias) -%}
    {{ alias }}.run_key in (select scope.run_key from {{ ref('stg_build_scope') }} as scope)
{%- endmacro %}
