{#- The parts of a text between commas, as an array; NULL for NULL. -#}
{% macro words_of(text) -%}
    {{ return(adapter.dispatch('words_of', 'lakeward')(text)) }}
{%- endmacro %}

{% macro duckdb__words_of(text) -%}
    string_split({{ text }}, ',')
{%- endmacro %}

{% macro spark__words_of(text) -%}
    split({{ text }}, ',')
{%- endmacro %}
