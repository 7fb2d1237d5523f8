{#- The distinct values of a group as a sorted array, NULL left out; never NULL itself. -#}
{% macro collect_set(value) -%}
    {{ return(adapter.dispatch('collect_set', 'lakeward')(value)) }}
{%- endmacro %}

{% macro duckdb__collect_set(value) -%}
    coalesce(
        list_sort(list(distinct {{ value }}) filter (where {{ value }} is not null)), {{ empty_array() }}
    )
{%- endmacro %}

{% macro spark__collect_set(value) -%}
    sort_array(collect_set({{ value }}))
{%- endmacro %}
