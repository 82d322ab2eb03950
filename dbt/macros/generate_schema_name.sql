{#
  Schemas are part of the product, not of a developer's profile: the compiled manifest names them, and
  so do the API's statements.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if custom_schema_name is none -%} public {%- else -%} public_{{ custom_schema_name | trim }} {%- endif -%}
{%- endmacro %}
