{#- One row per element of an array column. -#}
{% macro explode(array_expr) -%}
    {{ return(adapter.dispatch('explode', 'lakeward')(array_expr)) }}
{%- endmacro %}

{% macro default__explode(array_expr) -%}
    unnest({{ array_expr }})
{%- endmacro %}

{% macro spark__explode(array_expr) -%}
    explode({{ array_expr }})
{%- endmacro %}
