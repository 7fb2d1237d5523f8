{#- The distinct values of a group as a sorted array, without NULL. -#}
{% macro collect_set(value) -%}
    {{ return(adapter.dispatch('collect_set', 'lakeward')(value)) }}
{%- endmacro %}

{% macro default__collect_set(value) -%}
    coalesce(list_sort(list(distinct {{ value }}) filter (where {{ value }} is not null)), cast([] as varchar[]))
{%- endmacro %}

{% macro spark__collect_set(value) -%}
    sort_array(collect_set({{ value }}))
{%- endmacro %}
