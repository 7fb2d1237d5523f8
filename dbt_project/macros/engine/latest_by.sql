{#- The value that stands in the row with the greatest order text; rows without a value are left out. -#}
{% macro latest_by(value, order_text) -%}
    {{ return(adapter.dispatch('latest_by', 'lakeward')(value, order_text)) }}
{%- endmacro %}

{% macro default__latest_by(value, order_text) -%}
    arg_max({{ value }}, {{ order_text }}) filter (where {{ value }} is not null)
{%- endmacro %}

{% macro spark__latest_by(value, order_text) -%}
    max_by({{ value }}, {{ order_text }}) filter (where {{ value }} is not null)
{%- endmacro %}
