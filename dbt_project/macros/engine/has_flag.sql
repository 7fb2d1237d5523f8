{#- Whether an array of text holds a word; NULL for no array. -#}
{% macro has_flag(array_expr, word) -%}
    {{ return(adapter.dispatch('has_flag', 'lakeward')(array_expr, word)) }}
{%- endmacro %}

{% macro duckdb__has_flag(array_expr, word) -%}
    list_contains({{ array_expr }}, '{{ word }}')
{%- endmacro %}

{% macro spark__has_flag(array_expr, word) -%}
    array_contains({{ array_expr }}, '{{ word }}')
{%- endmacro %}
