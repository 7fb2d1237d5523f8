{#- The first value of a window that is not NULL; the caller writes `over` and a frame behind it. -#}
{% macro first_known(value) -%}
    {{ return(adapter.dispatch('first_known', 'lakeward')(value)) }}
{%- endmacro %}

{% macro duckdb__first_known(value) -%}
    first_value({{ value }} ignore nulls)
{%- endmacro %}

{% macro spark__first_known(value) -%}
    first_value({{ value }}, true)
{%- endmacro %}
