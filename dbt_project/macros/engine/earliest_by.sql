{#- The value in the row of a group with the least `order_text`, rows without a value left out. -#}
{% macro earliest_by(value, order_text) -%}
    {{ return(adapter.dispatch('earliest_by', 'lakeward')(value, order_text)) }}
{%- endmacro %}

{% macro duckdb__earliest_by(value, order_text) -%}
    arg_min({{ value }}, {{ order_text }}) filter (where {{ value }} is not null)
{%- endmacro %}

{% macro spark__earliest_by(value, order_text) -%}
    min_by({{ value }}, {{ order_text }}) filter (where {{ value }} is not null)
{%- endmacro %}
