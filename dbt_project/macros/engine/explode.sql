{#- One row per element of an array; no row for an empty array or NULL. -#}
{% macro explode(array_expr) -%}
    {{ return(adapter.dispatch('explode', 'lakeward')(array_expr)) }}
{%- endmacro %}

{% macro duckdb__explode(array_expr) -%}
    unnest({{ array_expr }})
{%- endmacro %}

{% macro spark__explode(array_expr) -%}
    explode({{ array_expr }})
{%- endmacro %}
