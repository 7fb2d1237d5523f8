{#- Whether the whole of a text matches a regular expression (of RE2 and of Java alike); NULL stays NULL. -#}
{% macro matches(text, pattern) -%}
    {{ return(adapter.dispatch('matches', 'lakeward')(text, pattern)) }}
{%- endmacro %}

{% macro duckdb__matches(text, pattern) -%}
    regexp_full_match({{ text }}, '{{ pattern }}')
{%- endmacro %}

{% macro spark__matches(text, pattern) -%}
    {{ text }} rlike r'^(?:{{ pattern }})$'
{%- endmacro %}
