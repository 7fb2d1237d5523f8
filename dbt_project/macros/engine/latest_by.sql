{#- The value in the row of a group with the greatest `order_text`, rows without a value left out. -#}
{% macro latest_by(value, order_text) -%}
    {{ return(adapter.dispatch('latest_by', 'lakeward')(value, order_text)) }}
{%- endmacro %}

{% macro duckdb__latest_by(value, order_text) -%}
    arg_max({{ value }}, {{ order_text }}) filter (where {{ value }} is not null)
{%- endmacro %}

{% macro spark__latest_by(value, order_text) -%}
    max_by({{ value }}, {{ order_text }}) filter (where {{ value }} is not null)
{%- endmacro %}
