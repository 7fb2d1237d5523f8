{#- The digits of a text, all else left out; NULL stays NULL. -#}
{% macro digits(text) -%}
    {{ return(adapter.dispatch('digits', 'lakeward')(text)) }}
{%- endmacro %}

{% macro duckdb__digits(text) -%}
    regexp_replace({{ text }}, '[^0-9]', '', 'g')
{%- endmacro %}

{% macro spark__digits(text) -%}
    regexp_replace({{ text }}, '[^0-9]', '')
{%- endmacro %}
