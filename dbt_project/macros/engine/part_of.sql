{#- What a group of a regular expression finds in a text (of RE2 and of Java alike); the empty text where
    it finds nothing; NULL stays NULL. -#}
{% macro part_of(text, pattern, group) -%}
    {{ return(adapter.dispatch('part_of', 'lakeward')(text, pattern, group)) }}
{%- endmacro %}

{% macro duckdb__part_of(text, pattern, group) -%}
    regexp_extract({{ text }}, '{{ pattern }}', {{ group }})
{%- endmacro %}

{% macro spark__part_of(text, pattern, group) -%}
    regexp_extract({{ text }}, r'{{ pattern }}', {{ group }})
{%- endmacro %}
