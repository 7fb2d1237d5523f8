{#- The type of an instant, stored in UTC with microseconds. -#}
{% macro instant_type() -%}
    {{ return(adapter.dispatch('instant_type', 'lakeward')()) }}
{%- endmacro %}

{% macro duckdb__instant_type() -%}
    timestamp with time zone
{%- endmacro %}

{% macro spark__instant_type() -%}
    timestamp
{%- endmacro %}
