{#- An array of text without elements. -#}
{% macro empty_array() -%}
    {{ return(adapter.dispatch('empty_array', 'lakeward')()) }}
{%- endmacro %}

{% macro duckdb__empty_array() -%}
    cast([] as string[])
{%- endmacro %}

{% macro spark__empty_array() -%}
    cast(array() as array<string>)
{%- endmacro %}
