{#- The timestamp without zone that a text states, of a text without offset; NULL for any other text. -#}
{% macro local_timestamp_of(text) -%}
    {{ return(adapter.dispatch('local_timestamp_of', 'lakeward')(text)) }}
{%- endmacro %}

{% macro duckdb__local_timestamp_of(text) -%}
    try_cast({{ text }} as timestamp)
{%- endmacro %}

{% macro spark__local_timestamp_of(text) -%}
    try_cast({{ text }} as timestamp)
{%- endmacro %}
