{#- A struct of named fields: [[name, expression], …]. -#}
{% macro struct_of(fields) -%}
    {{ return(adapter.dispatch('struct_of', 'lakeward')(fields)) }}
{%- endmacro %}

{% macro duckdb__struct_of(fields) -%}
    {
        {%- for name, expression in fields %}
        '{{ name }}': {{ expression }}{{ "," if not loop.last }}
        {%- endfor %}
    }
{%- endmacro %}

{% macro spark__struct_of(fields) -%}
    named_struct(
        {%- for name, expression in fields %}
        '{{ name }}', {{ expression }}{{ "," if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}
