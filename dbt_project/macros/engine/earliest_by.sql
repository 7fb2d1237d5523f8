{#- The value that stands in the row with the least order text; rows without a value are left out. -#}
{% macro earliest_by(value, order_text) -%}
    {{ return(adapter.dispatch('earliest_by', 'lakeward')(value, order_text)) }}
{%- endmacro %}

{% macro default__earliest_by(value, order_text) -%}
    arg_min({{ value }}, {{ order_text }}) filter (where {{ value }} is not null)
{%- endmacro %}

{% macro spark__earliest_by(value, order_text) -%}
    min_by({{ value }}, {{ order_text }}) filter (where {{ value }} is not null)
{%- endmacro %}
