{#- The texts of an array in one, with commas between; the empty text for an empty array, NULL for none. -#}
{% macro joined(array_expr) -%}
    {{ return(adapter.dispatch('joined', 'lakeward')(array_expr)) }}
{%- endmacro %}

{% macro duckdb__joined(array_expr) -%}
    array_to_string({{ array_expr }}, ', ')
{%- endmacro %}

{% macro spark__joined(array_expr) -%}
    array_join({{ array_expr }}, ', ')
{%- endmacro %}
