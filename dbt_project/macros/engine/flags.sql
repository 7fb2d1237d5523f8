{#- An array of the names whose condition holds, in the order given: [[name, condition], …]; never NULL. -#}
{% macro flags(pairs) -%}
    {{ return(adapter.dispatch('flags', 'lakeward')(pairs)) }}
{%- endmacro %}

{% macro duckdb__flags(pairs) -%}
    list_filter(cast([
        {%- for name, condition in pairs %}
        case when {{ condition }} then '{{ name }}' end{{ "," if not loop.last }}
        {%- endfor %}
    ] as string[]), lambda x: x is not null)
{%- endmacro %}

{% macro spark__flags(pairs) -%}
    filter(array(
        {%- for name, condition in pairs %}
        case when {{ condition }} then '{{ name }}' end{{ "," if not loop.last }}
        {%- endfor %}
    ), x -> x is not null)
{%- endmacro %}
