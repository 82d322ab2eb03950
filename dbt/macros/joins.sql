{#
  The same entity (or node) of the same run, as one comparison. Compared column by column, a planner takes run
  and entity for independent: the more runs are kept, the fewer rows it expects, until it joins a whole
  run to itself by nested loops.
#}
{% macro same_in_run(left, left_column, right, right_column) -%}
    {{ left }}.run_key || '/' || {{ left }}.{{ left_column }} = {{ right }}.run_key || '/' || {{ right }}.{{ right_column }}
{%- endmacro %}


{% macro same_entity(left, right) -%}
    {{ same_in_run(left, 'entity_key', right, 'entity_key') }}
{%- endmacro %}


{% macro same_node(left, right) -%}
    {{ same_in_run(left, 'canonical_node_id', right, 'canonical_node_id') }}
{%- endmacro %}
