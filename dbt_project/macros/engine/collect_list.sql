{#- The values of a group or window as an array, in the order of the window, NULL left out. -#}
{% macro collect_list(value) -%}
    {{ return(adapter.dispatch('collect_list', 'lakeward')(value)) }}
{%- endmacro %}

{% macro duckdb__collect_list(value) -%}
    list({{ value }}) filter (where {{ value }} is not null)
{%- endmacro %}

{% macro spark__collect_list(value) -%}
    collect_list({{ value }})
{%- endmacro %}
