{#- The instant that a text with a date, a time and an offset states; NULL for any other text. -#}
{% macro instant_of(text) -%}
    {{ return(adapter.dispatch('instant_of', 'lakeward')(text)) }}
{%- endmacro %}

{% macro duckdb__instant_of(text) -%}
    try_cast({{ text }} as timestamp with time zone)
{%- endmacro %}

{% macro spark__instant_of(text) -%}
    try_cast(regexp_replace({{ text }}, '([+-][0-9]{2}):?([0-9]{2})?$', '$1:$2') as timestamp)
{%- endmacro %}
