{#
  A table that keeps the rows of every run. A build replaces the rows of the runs it works on
  (stg_build_scope) and touches no other; `--full-refresh` makes the table anew from those runs alone.

  The model's SQL never asks whether the table exists, so that it compiles to the same text always:
  it selects the rows of the runs in scope, and this materialization knows what to do with them.
#}
{% materialization incremental_by_run, adapter='postgres' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {% if existing is not none and (not existing.is_table or should_full_refresh()) %}
        {% do adapter.drop_relation(existing) %}
        {% set existing = none %}
    {% endif %}

    {% if existing is none %}
        {% call statement('main') -%}
            {# Up to a page, documents stay in their row: written once and read whole, moving them apart only costs. #}
            create table {{ target_relation }} with (toast_tuple_target = 8160) as (
                {{ sql }}
            )
        {%- endcall %}
    {% else %}
        {% set columns = incremental_by_run_columns(target_relation, sql) %}
        {% call statement('delete') -%}
            delete from {{ target_relation }} where run_key in (select s.run_key from {{ incremental_by_run_scope() }} as s)
        {%- endcall %}
        {% call statement('main') -%}
            insert into {{ target_relation }} ({{ columns | join(', ') }})
            {{ sql }}
        {%- endcall %}
    {% endif %}

    {% do create_missing_indexes(target_relation) %}
    {% do run_query('analyze ' ~ target_relation) %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do persist_docs(target_relation, model) %}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{# The view of run keys in scope. Not a ref: the model itself reads it, through staging if not directly. #}
{% macro incremental_by_run_scope() %}
    {{ return(adapter.quote(generate_schema_name('staging', none) | trim) ~ '.' ~ adapter.quote('stg_build_scope')) }}
{% endmacro %}


{#
  Quoted columns of the model, in order. A table whose columns are others holds runs that only a full refresh can
  bring into the new shape.
#}
{% macro incremental_by_run_columns(relation, sql) %}
    {%- set wanted = get_column_schema_from_query(sql) | map(attribute='name') | list -%}
    {%- set present = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
    {%- set missing = wanted | reject('in', present) | list -%}
    {%- set surplus = present | reject('in', wanted) | list -%}
    {%- if missing or surplus -%}
        {%- do exceptions.raise_compiler_error(
            'the columns of ' ~ relation ~ ' are not those of the model: the table lacks ' ~ (missing | join(', ') or 'none')
            ~ ', the model lacks ' ~ (surplus | join(', ') or 'none')
            ~ '; build once with --full-refresh while no run is building, which rebuilds every loaded run'
        ) -%}
    {%- endif -%}
    {%- set quoted = [] -%}
    {%- for name in wanted -%} {%- do quoted.append(adapter.quote(name)) -%} {%- endfor -%}
    {{ return(quoted) }}
{% endmacro %}


{#
  Creates the indexes a model declares and the table lacks, whatever the names of those it has: another engine
  may have made them.
#}
{% macro create_missing_indexes(relation) %}
    {%- set declared = config.get('indexes') or [] -%}
    {%- if not declared -%} {{ return(none) }} {%- endif -%}
    {%- set found = run_query(
        "select x.indisunique, string_agg(a.attname::text, ',' order by k.position)"
        ~ " from pg_index as x"
        ~ " cross join lateral unnest(x.indkey::int2[]) with ordinality as k(attnum, position)"
        ~ " join pg_attribute as a on a.attrelid = x.indrelid and a.attnum = k.attnum"
        ~ " where x.indrelid = '" ~ relation ~ "'::regclass group by x.indexrelid, x.indisunique"
    ) -%}
    {%- set present = found.rows | map('list') | list -%}
    {%- for index in declared -%}
        {%- set unique = index.get('unique', false) -%}
        {%- if [unique, index.columns | join(',')] not in present -%}
            {%- set columns = [] -%}
            {%- for column in index.columns -%} {%- do columns.append(adapter.quote(column)) -%} {%- endfor -%}
            {%- do run_query(
                'create ' ~ ('unique ' if unique else '') ~ 'index on ' ~ relation ~ ' (' ~ columns | join(', ') ~ ')'
            ) -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
